"""Directories that hold the same pods or Services are judged apart, as no cluster has both."""

from __future__ import annotations

from pathlib import Path

import pytest

from npol.cli.app import app
from npol.cli.variants import worlds
from npol.errors import ExitCode
from npol.policy.parse.object_source import sources
from npol.story.manifests import survey
from tests.cli.manifests import NAMESPACE

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: TIER}}
    spec: {containers: [{name: web, image: web, ports: [{containerPort: PORT}]}]}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web, tier: TIER}}
  policyTypes: [Ingress]
  ingress: [{ports: [{port: PORT}]}]
"""
OTHER = DEPLOYMENT.replace("name: web,", "name: cart,")


def of(text: str, tier: str, port: int) -> str:
    return text.replace("TIER", tier).replace("PORT", str(port))


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def judged_with(tmp_path, monkeypatch):
    """What each file is judged with, by their names."""

    def judged(files):
        monkeypatch.chdir(tmp_path)
        write(tmp_path, files)
        found = list(worlds(list(sources(survey(".", *files).manifests))))
        seen: dict[str, list[str]] = {}
        for world in found:
            beside = sorted({o.document.file for o in world.objects if o.document})
            seen |= {f: [b for b in beside if b != f] for f in files if world.tells(f)}
        return seen

    return judged


def test_directories_with_the_same_workload_know_nothing_of_each_other(judged_with):
    files = {"dev/web.yaml": DEPLOYMENT, "prod/web.yaml": DEPLOYMENT, "shared/ns.yaml": NAMESPACE}

    assert judged_with(files) == {
        "dev/web.yaml": ["shared/ns.yaml"],
        "prod/web.yaml": ["shared/ns.yaml"],
        "shared/ns.yaml": [],
    }


def test_a_variant_is_all_that_lies_below_its_directory(judged_with):
    files = {
        "clusters/dev/apps/web.yaml": DEPLOYMENT,
        "clusters/dev/policies/web.yaml": POLICY,
        "clusters/prod/apps/web.yaml": DEPLOYMENT,
        "clusters/prod/policies/web.yaml": POLICY,
    }

    assert judged_with(files) == {
        "clusters/dev/apps/web.yaml": ["clusters/dev/policies/web.yaml"],
        "clusters/dev/policies/web.yaml": ["clusters/dev/apps/web.yaml"],
        "clusters/prod/apps/web.yaml": ["clusters/prod/policies/web.yaml"],
        "clusters/prod/policies/web.yaml": ["clusters/prod/apps/web.yaml"],
    }


def test_variants_lie_at_any_depth(judged_with):
    files = {
        "x/one/web.yaml": DEPLOYMENT,
        "x/two/web.yaml": DEPLOYMENT,
        "y/web.yaml": DEPLOYMENT,
        "x/ns.yaml": NAMESPACE,
    }
    seen = judged_with(files)

    assert seen["x/one/web.yaml"] == seen["x/two/web.yaml"] == ["x/ns.yaml"]
    assert seen["y/web.yaml"] == []


def test_a_variant_in_a_variant_knows_what_lies_above_it(judged_with):
    files = {
        "a/one/web.yaml": DEPLOYMENT,
        "a/two/web.yaml": DEPLOYMENT,
        "a/ns.yaml": NAMESPACE,
        "a/cart.yaml": OTHER,
        "b/cart.yaml": OTHER,
        "ns.yaml": NAMESPACE,
    }
    seen = judged_with(files)

    assert seen["a/one/web.yaml"] == ["a/cart.yaml", "a/ns.yaml", "ns.yaml"]
    assert seen["b/cart.yaml"] == ["ns.yaml"]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a/ns.yaml": NAMESPACE, "b/ns.yaml": NAMESPACE}, id="a-namespace-twice"),
        pytest.param({"a/x.yaml": POLICY, "b/x.yaml": POLICY}, id="a-policy-twice"),
        pytest.param({"a/x.yaml": DEPLOYMENT, "a/y.yaml": DEPLOYMENT}, id="in-one-directory"),
        pytest.param({"a/x.yaml": DEPLOYMENT, "b/x.yaml": OTHER}, id="two-workloads"),
    ],
)
def test_other_directories_are_one_world(judged_with, files):
    first, second = files
    assert judged_with(files) == {first: [second], second: [first]}


def test_each_variant_has_its_own_findings(tmp_path, monkeypatch, capsys):
    """Together the one that comes last would hide what the other one's policy selects."""
    monkeypatch.chdir(tmp_path)
    files = {
        "dev/web.yaml": of(DEPLOYMENT, "a", 8080),
        "dev/policy.yaml": of(POLICY, "a", 8080),
        "prod/web.yaml": of(DEPLOYMENT, "b", 9090),
        "prod/policy.yaml": of(POLICY, "b", 8080),
    }
    write(tmp_path, files)

    assert app(["check", "."], standalone_mode=False) == ExitCode.AS_EXPECTED
    told = [line for line in capsys.readouterr().out.splitlines() if "NP0" in line]
    assert len(told) == 1
    assert told[0].startswith("prod/policy.yaml:7:")
    assert "NP020" in told[0]
