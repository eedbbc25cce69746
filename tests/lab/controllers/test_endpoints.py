import pytest

SLICES = "endpointslices.discovery.k8s.io"
ONLY = ("Endpoints", "EndpointSlices", "MirroredSlices")


def service(cluster, ports=None, selector=None, **spec):
    ports = ports or [{"port": 80, "targetPort": 3001}]
    return cluster.create(
        "services", "web", {"selector": selector or {"app": "web"}, "ports": ports, **spec}
    )


def pod(cluster, name, *, ready=True, ports=(), **labels):
    containers = [{"name": "c", "image": "pause", "ports": list(ports)}]
    made = cluster.pod(name, labels=labels or {"app": "web"}, node="lab-1", containers=containers)
    return cluster.report(made, ready=ready)


def sliced(cluster):
    """(pod, ready, serving, terminating) of all endpoints."""
    return [
        (
            e["targetRef"]["name"],
            *(e["conditions"][k] for k in ("ready", "serving", "terminating")),
        )
        for s in cluster.store.list(SLICES, "demo")
        for e in s.get("endpoints") or []
    ]


def subsets(cluster):
    found = (cluster.get("endpoints", "web") or {}).get("subsets") or []
    return [
        (
            [a["targetRef"]["name"] for a in s.get("addresses") or []],
            [a["targetRef"]["name"] for a in s.get("notReadyAddresses") or []],
            [p["port"] for p in s.get("ports") or []],
        )
        for s in found
    ]


def test_ready_and_unready_pods_are_told_apart(cluster, live):
    async def work():
        service(cluster)
        pod(cluster, "a")
        pod(cluster, "b", ready=False)
        pod(cluster, "c", app="other")
        await cluster.settle()

    live(work, *ONLY)
    assert sliced(cluster) == [("a", True, True, False), ("b", False, False, False)]
    assert subsets(cluster) == [(["a"], ["b"], [3001])]


def test_a_service_can_publish_pods_that_are_not_ready(cluster, live):
    async def work():
        service(cluster, publishNotReadyAddresses=True)
        pod(cluster, "b", ready=False)
        await cluster.settle()

    live(work, *ONLY)
    assert sliced(cluster) == [("b", True, False, False)]
    assert subsets(cluster) == [(["b"], [], [3001])]


def test_a_pod_that_ends_is_served_but_not_ready(cluster, live):
    async def work():
        service(cluster)
        pod(cluster, "a")
        cluster.registry.delete("pods", "demo", "a")
        await cluster.settle()

    live(work, *ONLY)
    assert sliced(cluster) == [("a", False, True, True)]
    assert subsets(cluster) == []


def test_finished_pods_and_pods_without_an_address_are_left_out(cluster, live):
    async def work():
        service(cluster)
        cluster.report(pod(cluster, "a"), phase="Succeeded", ready=False)
        cluster.pod("b", labels={"app": "web"})
        await cluster.settle()

    live(work, *ONLY)
    assert (sliced(cluster), subsets(cluster)) == ([], [])


def test_named_target_ports_resolve_in_each_pod(cluster, live):
    async def work():
        service(cluster, ports=[{"port": 80, "targetPort": "http"}])
        for name, number in (("a", 3001), ("b", 3002)):
            pod(cluster, name, ports=[{"name": "http", "containerPort": number}])
        pod(cluster, "c")
        await cluster.settle()

    live(work, *ONLY)
    assert subsets(cluster) == [(["a"], [], [3001]), (["b"], [], [3002])]
    found = {
        s["endpoints"][0]["targetRef"]["name"]: s["ports"][0]["port"]
        for s in cluster.store.list(SLICES, "demo")
    }
    assert found == {"a": 3001, "b": 3002}


def test_a_headless_service_lists_its_pods(cluster, live):
    async def work():
        service(cluster, clusterIP="None")
        pod(cluster, "a")
        await cluster.settle()

    live(work, *ONLY)
    (piece,) = cluster.store.list(SLICES, "demo")
    assert piece["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert sliced(cluster) == [("a", True, True, False)]


def test_relabelling_the_last_pod_empties_the_service(cluster, live):
    async def work():
        service(cluster)
        pod(cluster, "a")
        await cluster.settle()
        changed = cluster.get("pods", "a")
        changed["metadata"]["labels"] = {"app": "quarantined"}
        cluster.registry.update("pods", changed)
        await cluster.settle()

    live(work, *ONLY)
    assert (sliced(cluster), subsets(cluster)) == ([], [])
    assert len(cluster.store.list(SLICES, "demo")) == 1


def test_a_service_without_selector_keeps_what_its_user_wrote(cluster, live):
    async def work():
        cluster.create("services", "web", {"ports": [{"port": 80}]})
        written = [{"addresses": [{"ip": "203.0.113.10"}], "ports": [{"port": 8080}]}]
        cluster.create("endpoints", "web", subsets=written)
        await cluster.settle()

    live(work, *ONLY)
    assert cluster.get("endpoints", "web")["subsets"][0]["addresses"] == [{"ip": "203.0.113.10"}]
    (mirrored,) = cluster.store.list(SLICES, "demo")
    assert mirrored["endpoints"][0]["addresses"] == ["203.0.113.10"]


@pytest.mark.parametrize("resource", ["endpoints", SLICES])
def test_endpoints_of_a_deleted_service_are_deleted(cluster, live, resource):
    async def work():
        service(cluster)
        pod(cluster, "a")
        await cluster.settle()
        cluster.registry.delete("services", "demo", "web")
        await cluster.settle()

    live(work, *ONLY)
    assert cluster.store.list(resource, "demo") == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, {"IPv4": ["10.244.1.2"]}, id="default"),
        pytest.param(
            {"ipFamilyPolicy": "PreferDualStack"},
            {"IPv4": ["10.244.1.2"], "IPv6": ["fd00:10:244:1::2"]},
            id="both",
        ),
        pytest.param({"ipFamilies": ["IPv6"]}, {"IPv6": ["fd00:10:244:1::2"]}, id="ipv6"),
    ],
)
def test_each_family_of_a_service_has_its_slice(dual, live, given, expected):
    async def work():
        service(dual, **given)
        pod(dual, "a")
        await dual.settle()

    live(work, *ONLY, cluster=dual)
    slices = dual.store.list(SLICES, "demo")
    found = {s["addressType"]: [e["addresses"][0] for e in s["endpoints"]] for s in slices}
    assert found == expected
    (subset,) = dual.get("endpoints", "web")["subsets"]
    assert [a["ip"] for a in subset["addresses"]] == next(iter(expected.values())), "the first"
