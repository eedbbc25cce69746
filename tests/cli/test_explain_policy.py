"""`npol explain POLICY`: every evaluated kind of policy, in sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from npol.cli.app import app
from npol.errors import ExitCode, InputError

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture
def explain(capsys):
    def told(what, fixture):
        code = app(["explain", what, str(FIXTURES / fixture)], standalone_mode=False)
        return code, capsys.readouterr().out

    return told


@pytest.mark.parametrize(
    ("what", "fixture", "told"),
    [
        pytest.param(
            "tenant-isolation-red",
            "tiers",
            "ClusterNetworkPolicy tenant-isolation-red stands in tier Admin (priority 10) and "
            "selects 1 pod now, deployment/web",
            id="cluster-network-policy",
        ),
        pytest.param(
            "tenant-blue/web",
            "calico",
            "CalicoNetworkPolicy tenant-blue/web stands in tier default (order 100) and selects "
            "1 pod now, deployment/web",
            id="calico",
        ),
        pytest.param(
            "CalicoNetworkPolicy tenant-blue/web",
            "calico",
            "  egress: Allow to addresses but 203.0.113.0/24, on every port",
            id="with-its-kind",
        ),
        pytest.param(
            "tenant-isolation",
            "cilium",
            "CiliumClusterwideNetworkPolicy tenant-isolation selects 2 pods now, deployment/web",
            id="cilium",
        ),
    ],
)
def test_policies_of_every_kind_are_told(explain, what, fixture, told):
    code, shown = explain(what, fixture)

    assert code == ExitCode.AS_EXPECTED
    assert any(line.startswith(told) for line in shown.splitlines()), shown


def test_every_policy_of_a_name_is_told_and_its_kind_chooses_one(capsys, tmp_path):
    meta = "metadata: {name: web, namespace: shop}"
    (tmp_path / "all.yaml").write_text(
        f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n{meta}\n"
        "spec: {podSelector: {}}\n"
        f"---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n{meta}\n"
        "spec: {endpointSelector: {}, ingress: [{}]}\n"
    )
    first_lines = {}
    for what in ("shop/web", "CiliumNetworkPolicy shop/web"):
        app(["explain", what, str(tmp_path)], standalone_mode=False)
        lines = capsys.readouterr().out.splitlines()
        first_lines[what] = [line.split(" selects ")[0] for line in lines if " selects " in line]

    assert first_lines == {
        "shop/web": ["shop/web", "CiliumNetworkPolicy shop/web"],
        "CiliumNetworkPolicy shop/web": ["CiliumNetworkPolicy shop/web"],
    }


def test_a_name_that_nothing_has_is_answered_with_those_of_every_kind(explain):
    with pytest.raises(InputError) as caught:
        explain("tenant-isolation", "tiers")

    assert caught.value.hint.endswith("ClusterNetworkPolicy tenant-isolation-red")
