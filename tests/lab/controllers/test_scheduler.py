import pytest

ONLY = ("Scheduler",)
TAINT = {"key": "npol.dev/place", "value": "internet", "effect": "NoSchedule"}


def where(cluster, name="p"):
    return cluster.get("pods", name)["spec"].get("nodeName")


def condition(cluster, name="p"):
    found = cluster.get("pods", name)["status"]["conditions"]
    return next(c for c in found if c["type"] == "PodScheduled")


def node_affinity(operator, *values):
    expression = {"key": "zone", "operator": operator, "values": list(values)}
    term = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}


def neighbour(kind, app):
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


@pytest.mark.parametrize(
    ("spec", "node"),
    [
        pytest.param({}, "b", id="fewest-pods"),
        pytest.param({"nodeSelector": {"zone": "1"}}, "a", id="node-selector"),
        pytest.param({"affinity": node_affinity("In", "1")}, "a", id="affinity-in"),
        pytest.param({"affinity": node_affinity("NotIn", "1")}, "b", id="affinity-not-in"),
        pytest.param(
            {"nodeSelector": {"zone": "3"}, "tolerations": [{"operator": "Exists"}]},
            "outside",
            id="toleration",
        ),
        pytest.param({"affinity": neighbour("podAffinity", "x")}, "a", id="beside"),
        pytest.param({"affinity": neighbour("podAntiAffinity", "y")}, "b", id="apart"),
        pytest.param(
            {"nodeSelector": {"zone": "3"}, "tolerations": [{"key": TAINT["key"]}]},
            None,
            id="toleration-of-another-value",
        ),
    ],
)
def test_a_pod_goes_where_it_may(cluster, live, spec, node):
    async def work():
        cluster.node("a", labels={"zone": "1"})
        cluster.node("b", labels={"zone": "2"})
        cluster.node("outside", labels={"zone": "3"}, taints=[TAINT])
        cluster.pod("x", labels={"app": "x"}, node="a")
        cluster.pod("y", labels={"app": "y"}, node="a")
        cluster.pod("p", **spec)
        await cluster.settle()

    live(work, *ONLY)
    assert where(cluster) == node
    assert condition(cluster)["status"] == ("True" if node else "False")


def test_a_pod_that_fits_no_node_stays_pending_and_says_why(cluster, live):
    async def work():
        cluster.node("a")
        cluster.node("outside", taints=[TAINT])
        cluster.pod("p", nodeSelector={"zone": "9"})
        await cluster.settle()

    live(work, *ONLY)
    assert condition(cluster)["reason"] == "Unschedulable"
    assert condition(cluster)["message"] == (
        "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
        "1 node(s) had untolerated taint {npol.dev/place: internet}."
    )
    events = [e["reason"] for e in cluster.store.list("events", "demo")]
    assert events == ["FailedScheduling"]


def test_a_node_takes_as_many_pods_as_it_says(cluster, live):
    async def work():
        room = {"allocatable": {"pods": "2"}}
        cluster.create("nodes", "a", {}, namespace=None, status=room)
        for number in range(3):
            cluster.pod(f"p{number}", hostNetwork=True)
        await cluster.settle()
        before = [where(cluster, f"p{n}") for n in range(3)]
        cluster.registry.delete("pods", "demo", "p0", grace=0)
        await cluster.settle()
        return before

    assert live(work, *ONLY) == ["a", "a", None]
    assert where(cluster, "p2") == "a"
    events = [e["message"] for e in cluster.store.list("events", "demo")]
    assert "0/1 nodes are available: 1 Too many pods." in events


def test_a_pending_pod_is_bound_when_a_node_comes(cluster, live):
    async def work():
        cluster.pod("p")
        await cluster.settle()
        before = where(cluster)
        cluster.node("late")
        await cluster.settle()
        return before

    assert live(work, *ONLY) is None
    assert where(cluster) == "late"
    assert cluster.get("pods", "p")["metadata"]["generation"] == 1, "nobody has changed the pod"


def test_equal_pods_are_spread(cluster, live):
    async def work():
        cluster.node("a")
        cluster.node("b")
        for number in range(4):
            cluster.pod(f"p{number}", labels={"app": "web"})
        await cluster.settle()

    live(work, *ONLY)
    assert sorted(where(cluster, f"p{n}") for n in range(4)) == ["a", "a", "b", "b"]


def test_two_pods_on_the_host_network_do_not_share_a_port(cluster, live):
    container = {"name": "c", "image": "x", "ports": [{"containerPort": 80}]}

    async def work():
        cluster.node("a")
        for name in ("p", "q"):
            cluster.pod(name, hostNetwork=True, containers=[container])
        await cluster.settle()

    live(work, *ONLY)
    assert [where(cluster, name) for name in ("p", "q")] == ["a", None]


def test_gated_pods_wait(cluster, live):
    async def work():
        cluster.node("a")
        cluster.pod("p", schedulingGates=[{"name": "later"}])
        await cluster.settle()

    live(work, *ONLY)
    assert where(cluster) is None
    assert condition(cluster)["reason"] == "SchedulingGated"
