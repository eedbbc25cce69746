DS = "daemonsets.apps"
ONLY = ("DaemonSets", "Scheduler")
TAINT = {"key": "npol.dev/place", "value": "internet", "effect": "NoSchedule"}


def daemon(workload, image="pause"):
    spec = workload(image=image)
    del spec["replicas"]
    return spec


def test_every_node_that_takes_it_gets_one_pod(cluster, live, workload):
    async def work():
        for name in ("a", "b"):
            cluster.node(name)
        cluster.node("outside", taints=[TAINT])
        cluster.create(DS, "web", daemon(workload))
        await cluster.all_ready()
        cluster.node("late")
        await cluster.all_ready()

    live(work, *ONLY)
    assert sorted(p["spec"]["nodeName"] for p in cluster.pods()) == ["a", "b", "late"]
    status = cluster.get(DS, "web")["status"]
    assert (status["desiredNumberScheduled"], status["numberReady"]) == (3, 3)


def test_a_new_template_replaces_the_pods(cluster, live, workload):
    async def work():
        for name in ("a", "b"):
            cluster.node(name)
        made = cluster.create(DS, "web", daemon(workload))
        await cluster.all_ready()
        made = cluster.get(DS, "web")
        made["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
        cluster.registry.update(DS, made)
        await cluster.all_ready()

    live(work, *ONLY)
    assert [p["spec"]["containers"][0]["image"] for p in cluster.pods()] == ["other", "other"]
