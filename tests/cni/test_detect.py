"""Detection over recorded objects; `recorded/` holds what each engine's own manifests make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from npol.cni.catalogue import Enforces
from npol.cni.detect import detect
from npol.cni.facts import CniFacts
from npol.model.expectation import Outcome

RECORDED = Path(__file__).parent / "recorded"

TABLE = [
    # recording, name, version, enforces
    ("calico-operator", "calico", "v3.30.2", "yes"),
    ("calico-bpf-by-digest", "calico", "v3.30.2", "yes"),
    ("calico-manifest", "calico", "v3.30.7", "yes"),
    ("canal", "calico", "v3.29.3", "yes"),
    ("canal-rke2", "calico", "v3.29.2-build20250306", "yes"),
    ("calico-on-eks", "calico", "v3.30.2", "yes"),
    ("calico-and-aws-agent", "calico", "v3.30.2", "maybe"),
    ("aws-vpc-cni-with-agent", "aws-vpc-cni", "v1.20.1", "yes"),
    ("aws-vpc-cni-agent-off", "aws-vpc-cni", "v1.20.1", "no"),
    ("aws-vpc-cni-controller-off", "aws-vpc-cni", "v1.20.1", "no"),
    ("aws-vpc-cni-without-agent", "aws-vpc-cni", "v1.20.1", "no"),
    ("aws-auto-mode", "aws-vpc-cni", "unknown", "maybe"),
    ("aws-auto-mode-off", "aws-vpc-cni", "unknown", "no"),
    ("cilium", "cilium", "v1.18.3", "yes"),
    ("cilium-one-agent-down", "cilium", "v1.18.3", "yes"),
    ("cilium-audit-mode", "cilium", "v1.18.3", "no"),
    ("cilium-policies-never", "cilium", "v1.18.3", "no"),
    ("cilium-answers-icmp", "cilium", "v1.20.2", "yes"),
    ("cilium-agents-are-not-pods", "cilium", "unknown", "maybe"),
    ("cilium-left-over-crds", "cilium", "unknown", "maybe"),
    ("cilium-recorded", "cilium", "unknown", "maybe"),
    ("gke-dataplane-v2", "gke-dataplane-v2", "v1.15.15-gke.19", "yes"),
    ("antrea", "antrea", "v2.4.1", "yes"),
    ("antrea-on-eks", "antrea", "v2.4.1", "yes"),
    ("kube-router", "kube-router", "v2.5.0", "yes"),
    ("kube-router-no-firewall", "kube-router", "v2.5.0", "no"),
    ("k3s", "k3s", "v1.33.5+k3s1", "maybe"),
    ("kindnet", "kindnet", "v20250512-df8de77b", "yes"),
    ("kindnet-old", "kindnet", "v20230511-dc714da8", "no"),
    ("kindnet-odd-tag", "kindnet", "latest", "maybe"),
    ("kindnet-with-kube-router-as-proxy", "kindnet", "v20250512-df8de77b", "yes"),
    ("ovn-kubernetes", "ovn-kubernetes", "unknown", "yes"),
    ("weave", "weave", "2.8.1", "yes"),
    ("weave-without-npc", "weave", "2.8.1", "no"),
    ("flannel", "flannel", "v0.27.4", "no"),
    ("flannel-by-architecture", "flannel", "v0.11.0-amd64", "no"),
    ("flannel-with-kube-network-policies", "kube-network-policies", "v1.0.0", "yes"),
    ("azure-npm", "azure-npm", "v1.5.45", "yes"),
    ("npol-lab", "npol-lab", "0.1.0", "yes"),
    ("npol-lab-not-enforcing", "npol-lab", "0.1.0", "no"),
    ("nothing-known", "unknown", "unknown", "maybe"),
    ("no-rights", "unknown", "unknown", "maybe"),
]


def facts_of(recorded):
    """Facts from a recording: a JSON mapping with the names of the fields."""
    objects = {k: tuple(recorded.get(k) or ()) for k in ("daemon_sets", "config_maps", "custom")}
    return CniFacts(
        version=recorded["version"],
        groups=frozenset(recorded.get("groups") or ()),
        nodes=tuple(recorded.get("nodes") or ()),
        unread=tuple(recorded.get("unread") or ()),
        **objects,
    )


def engine(recording):
    return detect(facts_of(json.loads((RECORDED / f"{recording}.json").read_text())))


@pytest.mark.parametrize(("recording", "name", "version", "enforces"), TABLE, ids=lambda v: v)
def test_an_engine_is_told_by_its_objects(recording, name, version, enforces):
    found = engine(recording)

    assert (found.name, found.version, found.enforces) == (name, version, Enforces(enforces))
    assert found.evidence


def test_every_recording_is_in_the_table():
    assert {p.stem for p in RECORDED.glob("*.json")} == {row[0] for row in TABLE}


def test_every_recording_has_a_source():
    rows = (RECORDED / "README.md").read_text().splitlines()
    named = {name for row in rows if row.startswith("| ") for name in row.split("|")[1].split(",")}

    assert {row[0] for row in TABLE} <= {name.strip() for name in named}


def test_calico_and_the_aws_agent_together_are_a_conflict():
    assert "switch one of them off" in engine("calico-and-aws-agent").conflict
    assert not engine("calico-on-eks").conflict
    assert "policy only on AWS VPC CNI" in engine("calico-on-eks").flavour


@pytest.mark.parametrize(
    ("recording", "flavour"),
    [("canal", "canal"), ("calico-bpf-by-digest", "BPF"), ("calico-operator", "Iptables")],
)
def test_the_flavour_of_calico_is_named(recording, flavour):
    assert flavour in engine(recording).flavour


@pytest.mark.parametrize(
    ("recording", "denial"),
    [
        ("calico-operator", {Outcome.TIMEOUT}),
        ("calico-manifest", {Outcome.TIMEOUT, Outcome.REFUSED}),
        ("cilium-answers-icmp", {Outcome.TIMEOUT, Outcome.UNREACHABLE}),
        ("kube-router", {Outcome.TIMEOUT, Outcome.REFUSED}),
        ("k3s", {Outcome.TIMEOUT, Outcome.REFUSED}),
        ("nothing-known", {Outcome.TIMEOUT}),
    ],
)
def test_denial_is_what_the_settings_make_of_it(recording, denial):
    assert engine(recording).denial == denial


@pytest.mark.parametrize(
    ("recording", "quiet", "patience", "dialect"),
    [
        ("npol-lab", 0.3, 30.0, "calico"),
        ("calico-operator", 1.0, 30.0, "calico"),
        ("cilium", 2.0, 45.0, "cilium"),
        ("gke-dataplane-v2", 2.0, 45.0, "cilium"),
        ("nothing-known", 5.0, 30.0, "spec"),
    ],
)
def test_figures_are_those_of_the_engine(recording, quiet, patience, dialect):
    found = engine(recording)

    assert (found.quiet, found.label_patience, found.dialect) == (quiet, patience, dialect)


def test_an_agent_that_is_down_is_named():
    found = engine("cilium-one-agent-down")

    assert not found.healthy
    assert "kube-system/cilium: only 1 of 2 agents are ready" in found.evidence
    assert engine("cilium").healthy


def test_missing_rights_are_said():
    assert any("not allowed to read: daemonsets" in e for e in engine("no-rights").evidence)


def test_custom_resources_of_a_former_cilium_are_no_agents():
    assert any(
        "no CiliumNode for: node1, node2" in e for e in engine("cilium-left-over-crds").evidence
    )


def test_calico_without_a_daemon_set_is_known_by_its_cluster_information():
    info = {
        "kind": "ClusterInformation",
        "metadata": {"name": "default"},
        "spec": {"calicoVersion": "v3.30.0", "datastoreReady": True},
    }
    groups = frozenset({"crd.projectcalico.org"})

    engine = detect(CniFacts(version="v1.33.1", groups=groups, custom=(info,)))

    assert (engine.name, engine.version, engine.dialect) == ("calico", "v3.30.0", "calico")
    assert engine.enforces is Enforces.MAYBE
    assert "the agents are not pods, or are gone" in engine.evidence[0]
    left_behind = detect(CniFacts(version="v1.33.1", groups=groups))
    assert left_behind.name == "unknown", "definitions alone are no Calico"
