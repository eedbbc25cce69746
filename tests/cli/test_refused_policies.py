"""A policy that the API server refuses has no effect, and every command says so."""

from __future__ import annotations

import pytest

from npol.cli.app import app
from npol.errors import ExitCode
from npol.policy.simulate.simulated_steps import refused_objects
from npol.story import load_story
from tests.cli.manifests import APPS, HEAD

REFUSED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress, Ingress]
"""
STORY = (
    HEAD
    + """\
steps:
  - name: closed
    apply: [policy.yaml]
    flows:
      - {from: client, to: web, port: 80, expect: allow}
"""
)
TOLD = "shop/deny-all has no effect, the API server refuses it: "


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apps.yaml").write_text(APPS)
    (tmp_path / "policy.yaml").write_text(REFUSED)

    def told(*command):
        code = app(list(command), standalone_mode=False)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return told


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["plan", "s.npol.yaml"], id="plan"),
        pytest.param(["plan", "policy.yaml", "--against", "apps.yaml"], id="plan-against"),
        pytest.param(["explain", "client -> web:80", "--story", "s.npol.yaml"], id="explain-story"),
        pytest.param(
            ["explain", "shop/client -> shop/web:80", "apps.yaml", "policy.yaml"], id="explain"
        ),
        pytest.param(["explain", "shop/deny-all", "policy.yaml"], id="explain-policy"),
        pytest.param(["document", "s.npol.yaml"], id="document"),
        pytest.param(["init", "--from-manifests", "apps.yaml", "policy.yaml"], id="init"),
    ],
)
def test_a_refused_policy_is_named_and_ends_with_3(run, tmp_path, command):
    (tmp_path / "s.npol.yaml").write_text(STORY)
    code, shown = run(*command)

    assert TOLD in shown
    assert "policy.yaml:7:16" in shown
    assert code == ExitCode.UNKNOWN


def test_a_run_knows_them_before_it_begins(tmp_path, run):
    (tmp_path / "s.npol.yaml").write_text(STORY)

    assert [str(r) for r in refused_objects(load_story("s.npol.yaml"))] == [
        f"NetworkPolicy {TOLD}policy.yaml:7:16: spec.policyTypes: Invalid value: "
        '[]networking.PolicyType{"Ingress", "Egress", "Ingress"}: may not specify more than two '
        "policyTypes"
    ]


def test_the_answer_is_complete_where_a_refused_policy_is_of_another_namespace(run, tmp_path):
    (tmp_path / "policy.yaml").write_text(REFUSED.replace("shop", "elsewhere"))
    code, shown = run("explain", "shop/client -> shop/web:80", "apps.yaml", "policy.yaml")

    assert "predicted allow" in shown
    assert code == ExitCode.AS_EXPECTED
