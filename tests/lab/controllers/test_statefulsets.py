STS = "statefulsets.apps"
ONLY = ("StatefulSets", "Scheduler")


def test_pods_start_in_their_order(cluster, live, workload):
    async def work():
        cluster.node("a")
        cluster.create(STS, "db", workload(3, serviceName="db"))
        await cluster.settle()
        first = cluster.names("pods")
        await cluster.all_ready()
        return first

    assert live(work, *ONLY) == ["db-0"]
    assert cluster.names("pods") == ["db-0", "db-1", "db-2"]
    spec = cluster.get("pods", "db-1")["spec"]
    assert (spec["hostname"], spec["subdomain"]) == ("db-1", "db")
    assert cluster.get(STS, "db")["status"]["readyReplicas"] == 3


def test_the_last_pods_go_first(cluster, live, workload):
    async def work():
        cluster.node("a")
        cluster.create(STS, "db", workload(3, serviceName="db"))
        await cluster.all_ready()
        changed = cluster.get(STS, "db")
        changed["spec"]["replicas"] = 1
        cluster.registry.update(STS, changed)
        await cluster.settle()
        going = [p for p in cluster.pods() if "deletionTimestamp" in p["metadata"]]
        await cluster.all_ready()
        return [p["metadata"]["name"] for p in going]

    assert live(work, *ONLY) == ["db-2"]
    assert cluster.names("pods") == ["db-0"]


def test_a_new_template_replaces_all_pods_and_keeps_their_names(cluster, live, workload):
    async def work():
        cluster.node("a")
        cluster.create(STS, "db", workload(2, serviceName="db"))
        await cluster.all_ready()
        changed = cluster.get(STS, "db")
        changed["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
        cluster.registry.update(STS, changed)
        await cluster.all_ready()

    live(work, *ONLY)
    assert cluster.names("pods") == ["db-0", "db-1"]
    assert {p["spec"]["containers"][0]["image"] for p in cluster.pods()} == {"other"}
    status = cluster.get(STS, "db")["status"]
    assert status["currentRevision"] == status["updateRevision"]


def test_claims_of_templates_are_made_and_mounted(cluster, live, workload):
    size = {"requests": {"storage": "1Gi"}}
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": size},
    }

    async def work():
        cluster.node("a")
        spec = workload(1, serviceName="db", volumeClaimTemplates=[claim])
        cluster.create(STS, "db", spec)
        await cluster.all_ready()

    live(work, *ONLY)
    assert cluster.names("persistentvolumeclaims") == ["data-db-0"]
    volumes = cluster.get("pods", "db-0")["spec"]["volumes"]
    claims = [v["persistentVolumeClaim"] for v in volumes if "persistentVolumeClaim" in v]
    assert claims == [{"claimName": "data-db-0"}]
