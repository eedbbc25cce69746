RS = "replicasets.apps"
ONLY = ("ReplicaSets",)


def owner_of(pod):
    return [r["name"] for r in pod["metadata"].get("ownerReferences") or []]


def test_missing_pods_are_made_and_surplus_ones_deleted(cluster, live, workload):
    async def work():
        made = cluster.create(RS, "web", workload(3))
        await cluster.settle()
        counts = [len(cluster.pods())]
        made = cluster.get(RS, "web")
        made["spec"]["replicas"] = 1
        cluster.registry.update(RS, made)
        await cluster.settle()
        return [*counts, len(cluster.pods())]

    assert live(work, *ONLY) == [3, 1]


def test_pods_carry_the_template_and_their_owner(cluster, live, workload):
    async def work():
        cluster.create(RS, "web", workload(1))
        await cluster.settle()

    live(work, *ONLY)
    (pod,) = cluster.pods()
    assert pod["metadata"]["name"].startswith("web-")
    assert pod["metadata"]["labels"] == {"app": "web"}
    assert pod["metadata"]["ownerReferences"][0]["controller"] is True


def test_an_orphan_that_matches_is_adopted_and_a_surplus_one_dies(cluster, live, workload):
    """Why debug pods must not wear a workload's labels without an owner of their own."""

    async def work():
        cluster.pod("debug", labels={"app": "web"})
        cluster.create(RS, "web", workload(1))
        await cluster.settle()
        adopted = owner_of(cluster.get("pods", "debug"))
        cluster.pod("second", labels={"app": "web"})
        await cluster.settle()
        return adopted, len(cluster.pods())

    assert live(work, *ONLY) == (["web"], 1)


def test_an_owned_pod_is_left_alone(cluster, live, workload):
    async def work():
        lease = cluster.create("leases.coordination.k8s.io", "npol")
        reference = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "name": "npol",
            "uid": lease["metadata"]["uid"],
            "controller": True,
        }
        spec = {"containers": [{"name": "c", "image": "pause"}]}
        metadata = {"ownerReferences": [reference]}
        cluster.create("pods", "debug", spec, labels={"app": "web"}, metadata=metadata)
        cluster.create(RS, "web", workload(1))
        await cluster.settle()

    live(work, *ONLY)
    assert owner_of(cluster.get("pods", "debug")) == ["npol"]
    assert len(cluster.pods(app="web")) == 2


def test_a_relabelled_pod_is_released_and_replaced(cluster, live, workload):
    async def work():
        cluster.create(RS, "web", workload(1))
        await cluster.settle()
        (pod,) = cluster.pods()
        pod["metadata"]["labels"] = {"app": "other"}
        cluster.registry.update("pods", pod)
        await cluster.settle()

    live(work, *ONLY)
    assert owner_of(cluster.pods(app="other")[0]) == []
    assert len(cluster.pods(app="web")) == 1


def test_finished_and_deleted_pods_are_replaced(cluster, live, workload):
    async def work():
        cluster.create(RS, "web", workload(1))
        await cluster.settle()
        cluster.report(cluster.pods()[0], phase="Failed", ready=False)
        await cluster.settle()

    live(work, *ONLY)
    assert sorted(p["status"]["phase"] for p in cluster.pods()) == ["Failed", "Pending"]


def test_status_counts_ready_pods(cluster, live, workload):
    async def work():
        cluster.create(RS, "web", workload(2))
        await cluster.settle()
        cluster.report(cluster.pods()[0])
        await cluster.settle()

    live(work, *ONLY)
    status = cluster.get(RS, "web")["status"]
    assert (status["replicas"], status["readyReplicas"], status["availableReplicas"]) == (2, 1, 1)


def test_unready_pods_go_first(cluster, live, workload):
    async def work():
        cluster.create(RS, "web", workload(2))
        await cluster.settle()
        keep = cluster.report(cluster.pods()[1])
        found = cluster.get(RS, "web")
        found["spec"]["replicas"] = 1
        cluster.registry.update(RS, found)
        await cluster.settle()
        return keep["metadata"]["name"]

    kept = live(work, *ONLY)
    assert cluster.names("pods") == [kept]


def test_a_refused_pod_is_reported(cluster, live, workload):
    async def work():
        spec = workload(1)
        spec["template"]["spec"]["serviceAccountName"] = "nobody"
        cluster.create(RS, "web", spec)
        await cluster.settle()

    live(work, *ONLY)
    condition = cluster.get(RS, "web")["status"]["conditions"][0]
    assert (condition["type"], condition["reason"]) == ("ReplicaFailure", "FailedCreate")
    assert 'serviceaccount "nobody" not found' in condition["message"]
