"""Debug pods on a real cluster: they start, disturb nobody, tell when they cannot, and go."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from npol.api_rules.quantity import amount
from npol.errors import NpolError, Position, Refused
from npol.kube.objects import DEPLOYMENTS, ENDPOINT_SLICES, NODES, PODS, Ref, Resource
from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Peer
from npol.model.story_settings import PodSettings
from npol.probe.debug_pod_manifest import RUN
from tests.live.conftest import stop, wait_until
from tests.live.probe.conftest import IMAGES, connect_probe, deny, pod, server, service

pytestmark = pytest.mark.live

QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota", True)


def peer(place, name="web", **values):
    values = {"labels": {"app": "web"}, **values}
    return Peer(name=name, at=Position("story"), namespace=place.namespace, **values)


def sleeper(place, name, **options):
    return pod(place.namespace, name, IMAGES["netshoot"], command=["sleep", "600"], **options)


@pytest.fixture(scope="module")
def app(place):
    """A Deployment `web` with a Service, at rest."""
    template = server(place.namespace, "web")
    container = template["spec"]["containers"][0]
    container["readinessProbe"] = {"httpGet": {"path": "/healthz", "port": 80}, "periodSeconds": 1}
    place.connection.create(service(place.namespace, "web", "web"))
    place.connection.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": place.namespace},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": template["spec"]},
            },
        }
    )
    del template["spec"]["terminationGracePeriodSeconds"]
    wait_until(lambda: len(ready_addresses(place)) == 2, "the Deployment to be ready")


def begin(sources):
    """Start, and close only what did start: what did not must leave nothing by itself."""
    sources.start()
    sources.close()


def ready_addresses(place):
    """Of the Service `web`."""
    selector = "kubernetes.io/service-name=web"
    return {
        address
        for slice_ in place.connection.list(ENDPOINT_SLICES, place.namespace, selector=selector)
        for endpoint in slice_.get("endpoints") or ()
        if endpoint["conditions"].get("ready")
        for address in endpoint["addresses"]
    }


def deployment(place):
    return place.connection.get(Ref(DEPLOYMENTS, place.namespace, "web"))


def debug_pods(place):
    pods = place.connection.list(PODS, place.namespace)
    return [p for p in pods if RUN in (p["metadata"].get("annotations") or {})]


def test_debug_pods_with_an_applications_labels_get_no_traffic_of_its_service(place, app):
    before = ready_addresses(place)
    began = time.monotonic()
    with place.sources(peer(place, "one"), peer(place, "two")) as sources:
        took = time.monotonic() - began
        (answer,) = (
            sources.prober("one").ask([connect_probe("k", min(before))], deadline=20).values()
        )
        time.sleep(2)  # a controller would have acted by now

        assert answer.outcome is Outcome.OPEN
        assert ready_addresses(place) == before
        assert deployment(place)["status"]["replicas"] == 2
        assert {p["metadata"]["ownerReferences"][0]["kind"] for p in debug_pods(place)} == {"Lease"}
        assert not sources.pod("one").ready
    assert took < 60
    assert debug_pods(place) == []
    assert deployment(place)["status"]["readyReplicas"] == 2


def test_an_image_that_does_not_come_is_told_in_time_and_leaves_nothing(place):
    began = time.monotonic()
    image = "docker.io/nicolaka/netshoot:no-such-tag"
    settings = PodSettings(image=image, start_within=20)

    with pytest.raises(Refused, match=r"ErrImagePull|ImagePullBackOff"):
        begin(place.sources(peer(place), settings=settings))
    assert time.monotonic() - began < 60
    assert debug_pods(place) == []


def test_a_pod_that_fits_nowhere_is_told_with_the_schedulers_words(place):
    settings = PodSettings(requests={"cpu": "1000"}, limits={"cpu": "1000"}, start_within=10)

    with pytest.raises(Refused, match=r"Unschedulable: .*nodes are available"):
        begin(place.sources(peer(place), settings=settings))
    assert debug_pods(place) == []


@pytest.fixture
def node(place):
    """A worker that counts what its pods request."""
    found = next(n for n in place.connection.list(NODES) if not n["spec"].get("taints"))
    if found["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("npol-lab"):
        pytest.skip("the lab does not count CPUs")
    return found


def test_a_node_without_any_cpu_left_takes_them(place, node):
    name = node["metadata"]["name"]
    filler = sleeper(place, "filler")
    filler["spec"]["nodeSelector"] = {"kubernetes.io/hostname": name}
    (container,) = filler["spec"]["containers"]
    container["resources"] = {"requests": {"cpu": f"{free_cpu(place, node)}m"}}
    full = place.start(filler)
    try:
        with place.sources(peer(place, node=name)) as sources:
            assert sources.pod("web").node == name
        asking = PodSettings(requests={"cpu": "10m"}, start_within=10)
        with pytest.raises(Refused, match="Insufficient cpu"):
            begin(place.sources(peer(place, node=name), settings=asking))
    finally:
        stop(place.connection, full)
    assert debug_pods(place) == []


def test_a_quota_on_requests_admits_them(place, node):
    """It refuses pods that leave a request out; nothing is left of this one for any more."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": place.namespace},
        "spec": {"hard": {"requests.cpu": "0", "requests.memory": "0", "limits.cpu": "4"}},
    }
    place.connection.permit(namespaces=[place.namespace], kinds=[QUOTAS])
    ref = Ref(QUOTAS, place.namespace, "full")
    place.connection.create(quota)
    try:
        wait_until(lambda: place.connection.get(ref).get("status"), "the quota to be counted")
        with place.sources(peer(place)) as sources:
            assert sources.pod("web").ip
    finally:
        place.connection.delete(ref)


def free_cpu(place, node):
    """Thousandths of a CPU that no pod of a node has requested."""
    pods = place.connection.list(PODS, fields=f"spec.nodeName={node['metadata']['name']}")
    there = [p for p in pods if p["status"].get("phase") not in ("Succeeded", "Failed")]
    specs = [c["resources"] for p in there for c in p["spec"]["containers"]]
    taken = sum(amount((r.get("requests") or {}).get("cpu", 0)) for r in specs)
    return int(1000 * (amount(node["status"]["allocatable"]["cpu"]) - taken))


def test_a_service_that_publishes_what_is_not_ready_is_refused(place):
    publishing = service(place.namespace, "publishing", "published")
    publishing["spec"]["publishNotReadyAddresses"] = True
    place.connection.create(publishing)

    with pytest.raises(Refused, match="publishes addresses that are not ready"):
        begin(place.sources(peer(place, labels={"app": "published"})))
    assert debug_pods(place) == []


def test_debug_deployments_are_found_and_deleted_too(place):
    with place.sources(peer(place), settings=PodSettings(as_deployment=True)) as sources:
        name = sources.pod("web").name

        assert name.startswith("npol-")
    wait_until(lambda: not debug_pods(place), "the Deployment's pods to go")
    deployments = place.connection.list(DEPLOYMENTS, place.namespace)
    assert not [d for d in deployments if d["metadata"]["name"].startswith("npol-")]


@pytest.mark.parametrize("node", ["same", "other"])
def test_placement_follows_the_target(place, app, node):
    workers = [n for n in place.connection.list(NODES) if not n["spec"].get("taints")]
    if len(workers) < 2:
        pytest.skip("placement needs two nodes")
    target = peer(place, "target", pod="fixed", labels={})
    where = place.start(sleeper(place, "fixed"))
    try:
        with place.sources(peer(place, "mover", node=node), targets=(target,)) as sources:
            assert (sources.pod("mover").node == where.node) == (node == "same")
    finally:
        place.connection.delete(Ref(PODS, where.namespace, where.name), uid=where.uid, grace=0)
        wait_until(lambda: place.connection.get(Ref(PODS, where.namespace, "fixed")) is None, "it")


def test_a_pod_of_a_workload_is_asked_from(place, app):
    sources = place.sources(peer(place, workload="deployment/web", labels={}))
    try:
        assert sources.pod("web").labels["app"] == "web"
        found = sources.prober("web").ask([connect_probe("k", sources.pod("web").ip)], deadline=20)
        assert found["k"].outcome is Outcome.OPEN
    finally:
        assert sources.close() == ()


def test_a_source_that_is_deleted_in_the_middle_gives_errors(place, app):
    """F42: evicted, preempted, deleted; its probes were about to end in silence."""
    place.connection.create(deny(place.namespace, "victim", "Egress"))
    victim = place.start(sleeper(place, "victim"))
    prober = place.prober(victim)
    prober.open()
    probe = connect_probe("k", min(ready_addresses(place)), timeout=20.0)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(prober.ask, [probe], deadline=60)
        time.sleep(1)
        place.connection.delete(Ref(PODS, victim.namespace, "victim"), uid=victim.uid, grace=0)

        assert asked.result()["k"].outcome is Outcome.ERROR


def test_a_debug_pod_that_was_deleted_is_made_anew(place, app):
    """F42: until then its probes are errors, and nothing of either pod stays."""
    probe = connect_probe("k", min(ready_addresses(place)))
    with place.sources(peer(place)) as sources:
        first = sources.pod("web")
        place.connection.delete(Ref(PODS, first.namespace, first.name), uid=first.uid, grace=0)
        wait_until(
            lambda: sources.inside(first).ask([probe], deadline=20)["k"].outcome is Outcome.ERROR,
            "the pod to end",
        )
        answer = sources.prober("web").ask([probe], deadline=20)["k"]

        assert answer.outcome is Outcome.OPEN
        assert sources.pod("web").uid != first.uid
    assert debug_pods(place) == []


def test_a_successor_of_that_name_does_not_answer_for_it(place):
    """F22: same name, other uid."""
    manifest = sleeper(place, "twin")
    first = place.start(manifest)
    place.connection.delete(Ref(PODS, first.namespace, first.name), uid=first.uid, grace=0)
    wait_until(lambda: place.connection.get(Ref(PODS, first.namespace, "twin")) is None, "it to go")
    second = place.start(manifest)

    answer = place.prober(first).ask([connect_probe("k", second.ip, 9)], deadline=20)["k"]

    assert answer.outcome is Outcome.ERROR
    assert "replaced by another pod" in answer.detail
    assert place.prober(first).failing


@pytest.mark.parametrize("limits", [{"cpu": "20m"}, {"cpu": "50m", "memory": "24Mi"}])
def test_a_starved_source_never_takes_open_for_closed(place, app, limits):
    """The table of starvation: with 50m, ten curls at once come near their timeout."""
    source = place.start(sleeper(place, f"starved-{limits['cpu']}", limits=limits))
    address = min(ready_addresses(place))
    probes = [
        Probe(key=str(i), kind=ProbeKind.HTTP, address=address, port=80, timeout=1.0)
        for i in range(20)
    ]

    answers = place.prober(source).ask(probes, deadline=60)

    assert {a.outcome for a in answers.values()} <= {Outcome.OPEN, Outcome.ERROR}
    place.connection.delete(Ref(PODS, source.namespace, source.name), uid=source.uid, grace=0)


def test_a_debug_pod_that_admission_refuses_is_reported_in_its_words(place):
    """PodSecurity refuses host network where the namespace is restricted."""
    ref = place.connection.ref_of(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place.namespace}}
    )
    label = "pod-security.kubernetes.io/enforce"
    place.connection.patch(ref, {"metadata": {"labels": {label: "restricted"}}})
    try:
        with pytest.raises(NpolError, match="PodSecurity"):
            begin(place.sources(peer(place, host_network=True)))
        with place.sources(peer(place, "fine")) as sources:
            assert sources.pod("fine").ip
    finally:
        place.connection.patch(ref, {"metadata": {"labels": {label: None}}})
    assert debug_pods(place) == []
