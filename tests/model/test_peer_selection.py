"""The pods of a peer: what is measured and what is predicted means the same ones."""

import pytest

from npol.errors import Position
from npol.judge.targets import selected_pods
from npol.model.inventory import Inventory
from npol.model.story import Peer
from npol.policy.state.apply_changes import build
from npol.policy.state.from_inventory import cluster_state
from npol.policy.state.peer_pods import pods_of

WEB = {"app": "web", "pod-template-hash": "5d4f"}
BY_REPLICA_SET = [{"kind": "ReplicaSet", "name": "web-5d4f", "controller": True}]
WEB_DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {}},
    },
}


def pod(name, labels, namespace="shop", phase="Running", **metadata):
    meta = {"name": name, "namespace": namespace, "uid": name, "labels": labels, **metadata}
    status = {"phase": phase, "podIP": "10.244.1.2"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status}


PODS = (
    pod("web-5d4f-a", WEB, ownerReferences=BY_REPLICA_SET),
    pod("bears-the-labels", {"app": "web"}),
    pod("migration", {"app": "web"}, ownerReferences=[{"kind": "Job", "name": "migrate"}]),
    pod("finished", WEB, phase="Succeeded", ownerReferences=BY_REPLICA_SET),
    pod("evicted", WEB, phase="Failed", ownerReferences=BY_REPLICA_SET),
    pod("terminating", WEB, deletionTimestamp="2026-01-01", ownerReferences=BY_REPLICA_SET),
    pod("debug", WEB, annotations={"npol.dev/peer": "web"}),
    pod("elsewhere", WEB, namespace="other", ownerReferences=BY_REPLICA_SET),
)
MEASURED = cluster_state(Inventory(pods=PODS, workloads=(WEB_DEPLOYMENT,)))
PREDICTED = build([*PODS, WEB_DEPLOYMENT])


@pytest.mark.parametrize(
    ("named", "pods"),
    [
        pytest.param(
            {"labels": {"app": "web"}},
            ["web-5d4f-a", "bears-the-labels", "migration"],
            id="labels",
        ),
        pytest.param({"workload": "deployment/web"}, ["web-5d4f-a"], id="deployment"),
        pytest.param({"workload": "job/migrate"}, ["migration"], id="job"),
        pytest.param({"workload": "statefulset/web"}, [], id="another-kind-of-that-name"),
        pytest.param(
            {"workload": "deployment/web", "labels": {"tier": "x"}}, [], id="workload-and-labels"
        ),
        pytest.param({"pod": "migration"}, ["migration"], id="pod"),
        pytest.param({"pod": "migration", "labels": {"app": "api"}}, [], id="pod-and-labels"),
        pytest.param({"pod": "terminating"}, [], id="terminating"),
        pytest.param({"pod": "debug"}, [], id="debug-pod"),
        pytest.param({"pod": "finished"}, [], id="finished"),
    ],
)
def test_measured_and_predicted_peers_are_the_same_pods(named, pods):
    peer = Peer(name="p", at=Position("story.npol.yaml"), namespace="shop", **named)

    assert [p.name for p in selected_pods(peer, MEASURED)] == pods
    assert [p.name for p in pods_of(PREDICTED, peer)] == pods
