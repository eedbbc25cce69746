"""Which pods `workload:` of a peer means, by whatever kind made them."""

from __future__ import annotations

import pytest

from npol.errors import Mistakes, Position
from npol.model.story import Peer
from npol.policy.state.apply_changes import build
from npol.policy.state.peer_pods import pods_of
from npol.story import read_story
from tests.policy.worlds import documents

POD = """
apiVersion: v1
kind: Pod
metadata:
  name: it
  namespace: x
  labels: {{app: web, pod-template-hash: 7d9f}}
  ownerReferences: [{{kind: {kind}, name: {name}, controller: true}}]
status: {{phase: Running, podIP: 10.0.0.8}}
"""


@pytest.mark.parametrize(
    ("kind", "name", "workload"),
    [
        ("ReplicaSet", "web-7d9f", "deployment/web"),
        ("ReplicaSet", "web-7d9f", "replicaset/web-7d9f"),
        ("ReplicaSet", "alone", "replicaset/alone"),
        ("StatefulSet", "db", "statefulset/db"),
        ("DaemonSet", "log", "daemonset/log"),
        ("ReplicationController", "old", "replicationcontroller/old"),
        ("Job", "migrate", "job/migrate"),
        ("Job", "report-29401234", "job/report-29401234"),
        ("Job", "report-29401234", "cronjob/report"),
    ],
)
def test_a_workload_is_found_by_each_kind_that_made_its_pods(kind, name, workload):
    state = build(documents(POD.format(kind=kind, name=name)))

    found = pods_of(state, Peer(name="p", at=Position("s"), namespace="x", workload=workload))

    assert [pod.name for pod in found] == ["it"]


@pytest.mark.parametrize("workload", ["replicaset/web", "deployment/web-7d9f", "cronjob/web-7d9f"])
def test_others_are_not_meant(workload):
    state = build(documents(POD.format(kind="ReplicaSet", name="web-7d9f")))

    peer = Peer(name="p", at=Position("s"), namespace="x", workload=workload)

    assert list(pods_of(state, peer)) == []


def test_kinds_whose_objects_are_not_read_are_no_subject_of_admits(tmp_path):
    story = b"""\
version: 1
steps: [{name: s, state: [{admits: job/x, namespace: n}]}]
"""
    with pytest.raises(Mistakes, match="not a valid kind here: 'job'"):
        read_story(story, str(tmp_path / "s.npol.yaml"), str(tmp_path))
