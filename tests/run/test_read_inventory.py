"""Which look at the cluster may stand for which other."""

from __future__ import annotations

from typing import Any

import pytest

from npol.changes.state.snapshot import key_of
from npol.kube.api_client import Verbs
from npol.run.read_inventory import CARRIED_FOR, NODES_FOR, SERVICES_FOR, InventoryReader
from npol.story import read_story

STORY = b"""\
version: 1
peers:
  web: {namespace: shop, workload: deployment/web}
  db: {address: 192.0.2.1}
steps:
  - {name: before, flows: [{from: web, to: db, port: 5432, expect: allow}]}
  - {name: deny, apply: [deny.yaml]}
  - {name: label, label: {namespace: shop, set: {a: b}}}
  - {name: checked, state: [{ready: statefulset/db, namespace: shop}]}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""
PODS, POLICIES, NODES = "pods", "networkpolicies", "nodes"
SERVICES = {"services", "endpointslices"}


class Cluster(Verbs):
    """One pod of a Deployment; remembers the plurals that were listed."""

    def __init__(self):
        super().__init__()
        self.listed = []
        self.replica_set = "r1"
        self.policies = []
        self.version = "1"

    def raw(self, method, path, **_):
        plural = path.rpartition("/")[2]
        self.listed.append(plural)
        return {"items": self.items(plural, path)}

    def items(self, plural, path):
        if plural == "namespaces":
            return [{"metadata": {"name": name}} for name in ("shop", "x", "y", "z", "a", "b")]
        meta = {"name": "web-1", "namespace": "shop", "uid": "p", "resourceVersion": self.version}
        if plural == PODS and "/shop/" in path:
            owner = {"kind": "ReplicaSet", "uid": self.replica_set, "name": self.replica_set}
            return [{"metadata": {**meta, "ownerReferences": [owner]}}]
        if plural == POLICIES and "/shop/" in path:
            return self.policies
        if plural == "replicasets":
            return [{"metadata": {**meta, "name": self.replica_set, "uid": self.replica_set}}]
        return []

    def since(self):
        """What was listed since this was asked last."""
        told, self.listed = self.listed, []
        return set(told)


def policy(name, spec):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def steps(tmp_path):
    (tmp_path / "deny.yaml").write_text(POLICY)
    return read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))


@pytest.fixture
def reader(steps, clock):
    cluster: Any = Cluster()
    return InventoryReader(connection=cluster, story=steps, now=lambda: clock[0])


def test_what_closed_a_step_is_how_the_next_one_begins(reader, steps):
    reader.close()
    reader.connection.since()
    reader.begin(steps.step("deny").changes)
    reader.look()

    assert reader.connection.since() == set()
    reader.look()
    assert PODS in reader.connection.since(), "only the first look of a step stands on another"


def test_a_step_begins_with_the_policies_that_it_has_written_itself(reader, steps):
    kept, changed, gone = policy("kept", "a"), policy("changed", "a"), policy("gone", "a")
    others = policy("ours-before", "of others")
    reader.connection.policies = [kept, changed, gone, others]
    left = {key_of(others): policy("ours-before", "a")}
    reader.written = lambda: left
    reader.close()
    reader.begin(steps.step("deny").changes)
    new = policy("new", "b")
    left |= {key_of(changed): policy("changed", "b"), key_of(gone): None, key_of(new): new}

    seen = {p["metadata"]["name"]: p["spec"] for p in reader.look().policies}

    assert seen == {"kept": "a", "changed": "b", "new": "b", "ours-before": "of others"}


def test_what_debug_pods_were_started_beside_is_how_the_first_step_begins(reader, steps):
    reader.look_beside({"shop"})
    reader.connection.since()
    reader.begin(steps.step("before").changes)
    reader.look()

    assert reader.connection.since() == set()


def test_a_glance_reads_only_what_flows_go_from_and_to(reader):
    known = reader.look()
    reader.connection.since()
    reader.connection.replica_set, reader.connection.version = "r2", "2"
    now = reader.glance()

    assert reader.connection.since() == {PODS, "replicasets", *SERVICES}, "a pod has changed"
    reader.glance()
    assert reader.connection.since() == {PODS}
    assert now.namespaces == known.namespaces
    assert [p["metadata"]["ownerReferences"][0]["uid"] for p in now.pods] == ["r2"]


@pytest.mark.parametrize(
    ("step", "passed", "closed"),
    [
        pytest.param("label", 0.0, True, id="more-than-policies-changed"),
        pytest.param("deny", CARRIED_FOR, True, id="too-long-ago"),
        pytest.param("deny", 0.0, False, id="no-step-closed"),
    ],
)
def test_all_is_looked_at_again(reader, steps, clock, step, passed, closed):
    reader.look()
    if closed:
        reader.carry()
    clock[0] += passed
    reader.begin(steps.step(step).changes)
    reader.connection.since()
    reader.look()

    assert PODS in reader.connection.since()


def test_over_a_slow_link_what_closed_a_step_holds_longer(reader, steps, clock, monkeypatch):
    raw = reader.connection.raw

    def slow(*args, **kwargs):
        clock[0] += 0.2
        return raw(*args, **kwargs)

    monkeypatch.setattr(reader.connection, "raw", slow)
    reader.close()
    clock[0] += CARRIED_FOR
    reader.connection.since()
    reader.begin(steps.step("deny").changes)
    reader.look()

    assert reader.connection.since() == set()


def test_after_a_step_has_begun_what_closes_it_is_looked_at(reader, steps):
    reader.close()
    reader.begin(steps.step("deny").changes)
    reader.connection.since()
    reader.close()

    assert PODS in reader.connection.since()


def test_nodes_are_read_again_after_a_while(reader, clock):
    reader.look()
    assert NODES in reader.connection.since()
    reader.look()
    assert NODES not in reader.connection.since()
    clock[0] += NODES_FOR
    reader.look()
    assert NODES in reader.connection.since()


def test_services_are_read_again_after_a_while(reader, clock):
    reader.look()
    assert reader.connection.since() >= SERVICES
    reader.look()
    assert not SERVICES & reader.connection.since()
    clock[0] += SERVICES_FOR
    reader.look()
    assert reader.connection.since() >= SERVICES


def test_services_are_read_again_where_a_pod_has_changed(reader):
    reader.look()
    reader.connection.since()
    reader.connection.version = "2"
    reader.look()
    assert reader.connection.since() >= SERVICES


def test_services_are_read_again_for_checks_and_after_more_than_policies_changed(reader, steps):
    reader.look()
    reader.connection.since()
    reader.look(checks=True)
    assert reader.connection.since() >= SERVICES
    reader.begin(steps.step("label").changes)
    reader.look()
    assert reader.connection.since() >= SERVICES


def test_replica_sets_are_read_again_where_a_pod_has_a_new_one(reader):
    assert [r["metadata"]["uid"] for r in reader.look().replica_sets] == ["r1"]
    reader.connection.since()
    assert [r["metadata"]["uid"] for r in reader.look().replica_sets] == ["r1"]
    assert "replicasets" not in reader.connection.since()
    reader.connection.replica_set = "r2"
    assert [r["metadata"]["uid"] for r in reader.look().replica_sets] == ["r2"]


def test_workloads_that_only_checks_speak_of_are_read_for_checks(reader):
    reader.look()
    assert "statefulsets" not in reader.connection.since()
    reader.look(checks=True)
    assert "statefulsets" in reader.connection.since()
    assert not {"daemonsets", "deployments"} & set(reader.connection.listed)
