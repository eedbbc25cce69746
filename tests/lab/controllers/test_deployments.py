from typing import Any

import pytest

from npol_lab.controllers.deployment_status import deployment_status
from npol_lab.controllers.rollout import drops, rolling_limits, template_hash

DEPLOY, RS = "deployments.apps", "replicasets.apps"
ONLY = ("Deployments", "ReplicaSets", "Scheduler")


def conditions(deployment):
    found = deployment["status"]["conditions"]
    return {c["type"]: (c["status"], c["reason"]) for c in found}


def test_a_deployment_becomes_available(cluster, live, workload):
    async def work():
        cluster.node("lab-1")
        cluster.create(DEPLOY, "web", workload(2))
        await cluster.all_ready()

    live(work, *ONLY)
    status = cluster.get(DEPLOY, "web")["status"]
    assert status["availableReplicas"] == status["updatedReplicas"] == 2
    assert conditions(cluster.get(DEPLOY, "web")) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }


def test_the_replica_set_and_pods_of_a_deployment_carry_the_templates_hash(cluster, live, workload):
    async def work():
        cluster.node("lab-1")
        cluster.create(DEPLOY, "web", workload(1))
        await cluster.all_ready()

    live(work, *ONLY)
    (replica_set,) = cluster.store.list(RS, "demo")
    label = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{label}"
    assert cluster.pods()[0]["metadata"]["labels"] == {"app": "web", "pod-template-hash": label}
    annotations = cluster.get(DEPLOY, "web")["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "1"
    told = replica_set["metadata"]["annotations"]
    prefix = "deployment.kubernetes.io"
    assert [told[f"{prefix}/{key}-replicas"] for key in ("desired", "max")] == ["1", "2"]


@pytest.mark.parametrize("strategy", ["RollingUpdate", "Recreate"])
def test_a_new_template_replaces_all_pods(cluster, live, workload, strategy):
    async def work():
        cluster.node("lab-1")
        cluster.create(DEPLOY, "web", workload(3, strategy={"type": strategy}))
        await cluster.all_ready()
        changed = cluster.get(DEPLOY, "web")
        changed["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
        cluster.registry.update(DEPLOY, changed)
        await cluster.all_ready()

    live(work, *ONLY)
    assert [p["spec"]["containers"][0]["image"] for p in cluster.pods()] == ["other"] * 3
    sets = cluster.store.list(RS, "demo")
    assert sorted(s["spec"]["replicas"] for s in sets) == [0, 3]


def test_a_rolling_update_keeps_the_minimum_and_the_maximum(cluster, live, workload):
    seen = []

    def watch():
        pods = [p for p in cluster.pods() if "deletionTimestamp" not in p["metadata"]]
        ready = [p for p in pods if "podIP" in p.get("status", {})]
        seen.append((len(ready), len(pods)))

    async def work():
        cluster.node("lab-1")
        cluster.create(DEPLOY, "web", workload(4))
        await cluster.all_ready()
        changed = cluster.get(DEPLOY, "web")
        changed["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
        cluster.registry.update(DEPLOY, changed)
        for _ in range(20):
            await cluster.all_ready(rounds=1)
            watch()

    live(work, *ONLY)
    assert min(ready for ready, _ in seen) >= 3
    assert max(total for _, total in seen) <= 5


def test_a_template_that_comes_back_reuses_its_replica_set(cluster, live, workload):
    async def work():
        cluster.node("lab-1")
        cluster.create(DEPLOY, "web", workload(1))
        await cluster.all_ready()
        for image in ("other", "pause"):
            changed = cluster.get(DEPLOY, "web")
            changed["spec"]["template"]["spec"]["containers"][0]["image"] = image
            cluster.registry.update(DEPLOY, changed)
            await cluster.all_ready()

    live(work, *ONLY)
    assert len(cluster.store.list(RS, "demo")) == 2
    annotations = cluster.get(DEPLOY, "web")["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"


def test_old_replica_sets_are_forgotten_beyond_the_limit(cluster, live, workload):
    async def work():
        cluster.node("lab-1")
        cluster.create(DEPLOY, "web", workload(1, revisionHistoryLimit=1))
        await cluster.all_ready()
        for image in ("a", "b", "c"):
            changed = cluster.get(DEPLOY, "web")
            changed["spec"]["template"]["spec"]["containers"][0]["image"] = image
            cluster.registry.update(DEPLOY, changed)
            await cluster.all_ready()

    live(work, *ONLY)
    assert len(cluster.store.list(RS, "demo")) == 2


def test_a_rollout_that_cannot_progress_is_called_stuck():
    deployment: dict[str, Any] = {
        "metadata": {"name": "web"},
        "spec": {"replicas": 1, "progressDeadlineSeconds": 60, "template": {"spec": {}}},
    }
    newest = {"metadata": {"name": "web-x"}, "spec": deployment["spec"]}

    def reasons():
        found = deployment["status"]["conditions"]
        return next((c["status"], c["reason"]) for c in found if c["type"] == "Progressing")

    seen = []
    for now in (0.0, 59.0, 60.0, 100.0):
        deployment["status"] = deployment_status(deployment, [newest], now)
        seen.append(reasons())

    updated = ("True", "ReplicaSetUpdated")
    stuck = ("False", "ProgressDeadlineExceeded")
    assert seen == [updated, updated, stuck, stuck]


@pytest.mark.parametrize(
    ("rolling", "wanted", "limits"),
    [
        ({}, 4, (1, 1)),
        ({}, 1, (1, 0)),
        ({"maxSurge": 0, "maxUnavailable": 0}, 4, (0, 1)),
        ({"maxSurge": "50%", "maxUnavailable": 2}, 3, (2, 2)),
    ],
)
def test_limits_of_a_rolling_update(rolling, wanted, limits):
    assert rolling_limits({"strategy": {"rollingUpdate": rolling}}, wanted) == limits


def replica_set(uid, replicas, available):
    return {
        "metadata": {"uid": uid, "annotations": {}},
        "spec": {"replicas": replicas},
        "status": {"availableReplicas": available},
    }


@pytest.mark.parametrize(
    ("newest", "old", "expected"),
    [
        pytest.param((1, 0), (4, 4), 1, id="spare-one"),
        pytest.param((1, 0), (3, 4), 0, id="stale-status-is-not-believed"),
        pytest.param((1, 0), (4, 0), 1, id="unhealthy-within-the-room"),
        pytest.param((4, 4), (1, 1), 1, id="last-one"),
    ],
)
def test_old_sets_shrink_only_as_far_as_pods_stay_available(newest, old, expected):
    found = list(drops(replica_set("new", *newest), [replica_set("old", *old)], 3))

    assert sum(drop for _, drop in found) == expected


def test_the_hash_depends_on_the_template_only():
    one = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": []}}
    labelled = {
        "metadata": {"labels": {"app": "x", "pod-template-hash": "y"}},
        "spec": {"containers": []},
    }

    assert template_hash(one) == template_hash(labelled)
    assert template_hash(one) != template_hash({**one, "spec": {"containers": [1]}})
