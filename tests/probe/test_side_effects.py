"""Debug pods and those who look at the same labels."""

import copy

import pytest

from npol.errors import Position
from npol.model.inventory import Inventory
from npol.model.story import Peer
from npol.model.story_settings import PodSettings
from npol.probe.debug_pod_manifest import debug_pod
from npol.probe.side_effects import concerns, disturbances, objections

PEER = Peer(name="web", at=Position("story"), namespace="shop", labels={"app": "web"})
OWNER = {"kind": "Lease", "name": "npol", "uid": "lease-uid", "controller": True}
MANIFEST = debug_pod(PEER, PodSettings(), run_id="r", owner=OWNER)


def service(selector, *, publish=False, namespace="shop"):
    return {
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": selector, "publishNotReadyAddresses": publish},
    }


@pytest.mark.parametrize(
    ("found", "refused"),
    [
        pytest.param(service({"app": "web"}, publish=True), True, id="publishes"),
        pytest.param(service({"app": "web"}), False, id="only-ready-ones"),
        pytest.param(service({"app": "db"}, publish=True), False, id="other-labels"),
        pytest.param(service(None, publish=True), False, id="no-selector"),
        pytest.param(
            service({"app": "web"}, publish=True, namespace="else"), False, id="other-namespace"
        ),
        pytest.param(
            service({"app.kubernetes.io/managed-by": "npol"}, publish=True),
            True,
            id="our-own-label",
        ),
    ],
)
def test_services_that_publish_addresses_that_are_not_ready_forbid_the_pod(found, refused):
    said = list(objections(MANIFEST, Inventory(services=(found,))))

    assert bool(said) == refused


def running(**changes):
    pod = copy.deepcopy(MANIFEST)
    pod["metadata"] |= {"uid": "pod-uid", **changes.pop("metadata", {})}
    pod["spec"] |= changes
    return pod


def workload(replicas=2, *, spec=2, kind="Deployment", generation=1, labels=None):
    return {
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "generation": generation},
        "spec": {"replicas": spec, "selector": {"matchLabels": labels or {"app": "web"}}},
        "status": {"replicas": replicas},
    }


def slice_(ready):
    endpoint = {"targetRef": {"uid": "pod-uid"}, "conditions": {"ready": ready}}
    return {"metadata": {"name": "web-1"}, "endpoints": [endpoint]}


def disturbed(pod, before=None, after=None):
    before, after = before or Inventory(), after or Inventory()
    return list(disturbances([MANIFEST], [pod], before, after))


def test_a_debug_pod_as_it_was_sent_disturbs_no_workload():
    assert disturbed(running()) == []


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        pytest.param(
            running(containers=[*MANIFEST["spec"]["containers"], {"name": "istio-proxy"}]),
            "put containers into",
            id="sidecar",
        ),
        pytest.param(
            running(initContainers=[{"name": "proxy", "restartPolicy": "Always"}]),
            "that stay and may answer for it: proxy",
            id="init-that-stays",
        ),
        pytest.param(
            running(containers=[*MANIFEST["spec"]["containers"], {"name": "proxy"}]),
            "`defaults.pod.annotations`",
            id="way-out",
        ),
        pytest.param(
            running(metadata={"ownerReferences": [{"uid": "replica-set"}]}), "adopted", id="adopted"
        ),
        pytest.param(running(metadata={"ownerReferences": []}), "adopted", id="released"),
    ],
)
def test_foreign_changes_of_a_debug_pod_are_noticed(pod, words):
    (said,) = disturbed(pod)

    assert words in said


def test_an_init_container_that_ends_is_not_in_the_way():
    assert disturbed(running(initContainers=[{"name": "copy-certificates"}])) == []


@pytest.mark.parametrize(("ready", "count"), [(True, 1), (None, 1), (False, 0)])
def test_an_endpoint_that_is_ready_is_traffic(ready, count):
    assert len(disturbed(running(), after=Inventory(slices=(slice_(ready),)))) == count


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        pytest.param(workload(), workload(3), 1, id="counted-as-one-of-theirs"),
        pytest.param(workload(), workload(1), 1, id="one-of-theirs-was-deleted"),
        pytest.param(workload(), workload(), 0, id="unchanged"),
        pytest.param(workload(1), workload(2), 0, id="was-not-at-rest"),
        pytest.param(workload(), workload(3, spec=3, generation=2), 0, id="scaled-by-its-owner"),
        pytest.param(
            workload(labels={"app": "db"}), workload(1, labels={"app": "db"}), 0, id="other-labels"
        ),
    ],
)
def test_replica_counts_of_workloads_that_select_the_debug_pod_must_not_change(
    before, after, count
):
    said = disturbed(running(), Inventory(workloads=(before,)), Inventory(workloads=(after,)))

    assert len(said) == count


@pytest.mark.parametrize(
    ("selector", "namespace", "count"),
    [
        pytest.param({"matchLabels": {"app": "web"}}, "shop", 1, id="its-labels"),
        pytest.param({}, "shop", 1, id="all-pods"),
        pytest.param({"matchLabels": {"app": "db"}}, "shop", 0, id="other-labels"),
        pytest.param({"matchLabels": {"app": "web"}}, "else", 0, id="other-namespace"),
    ],
)
def test_disruption_budgets_that_count_the_pod_are_named(selector, namespace, count):
    budget = {
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": selector},
    }

    assert len(list(concerns([MANIFEST], [budget]))) == count
