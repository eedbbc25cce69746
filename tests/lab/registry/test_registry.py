"""What writing does beside answering: deletion, status, allocation, ownership of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from npol_lab.registry import Registry, StatusError
from npol_lab.store import Store

POLICIES = "networkpolicies.networking.k8s.io"


class Clock:
    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registry(clock):
    found = Registry(Store(), now=clock)
    found.create("namespaces", {"metadata": {"name": "ns"}})
    return found


def pod(name="p", **spec):
    containers = [{"name": "c", "image": "nginx"}]
    return {
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"containers": containers, **spec},
    }


def configmap(name="c", **metadata):
    return {"metadata": {"name": name, "namespace": "ns", **metadata}}


def refused(call):
    with pytest.raises(StatusError) as caught:
        call()
    return caught.value


def test_a_namespace_has_its_service_account_at_once(registry):
    assert registry.get("serviceaccounts", "ns", "default")


def test_a_pod_on_a_node_waits_for_its_kubelet(registry, clock):
    registry.create("pods", pod())
    registry.bind("ns", "p", "lab-1")
    going = registry.delete("pods", "ns", "p")["metadata"]
    assert going["deletionTimestamp"] == "2026-01-01T00:00:30Z"
    assert going["deletionGracePeriodSeconds"] == 30
    registry.finalize("pods", "ns", "p")
    assert refused(lambda: registry.get("pods", "ns", "p")).code == 404


def test_a_second_deletion_can_only_shorten_the_wait(registry, clock):
    registry.create("pods", pod())
    registry.bind("ns", "p", "lab-1")
    registry.delete("pods", "ns", "p", grace=5)
    clock.now += timedelta(seconds=2)
    assert (
        registry.delete("pods", "ns", "p", grace=30)["metadata"]["deletionGracePeriodSeconds"] == 5
    )
    registry.delete("pods", "ns", "p", grace=0)
    assert registry.store.get("pods", "ns", "p") is None


def test_a_pod_without_a_node_goes_at_once(registry):
    registry.create("pods", pod())
    registry.delete("pods", "ns", "p")
    assert registry.store.get("pods", "ns", "p") is None


def test_a_finalizer_holds_an_object_until_it_is_taken_away(registry):
    registry.create("configmaps", configmap(finalizers=["x.y/z"]))
    held = registry.delete("configmaps", "ns", "c")
    assert "deletionTimestamp" in held["metadata"]
    held["metadata"]["finalizers"] = []
    registry.update("configmaps", held)
    assert registry.store.get("configmaps", "ns", "c") is None


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [("Background", None), ("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"])],
)
def test_propagation_leaves_work_for_the_garbage_collector(registry, policy, finalizers):
    registry.create("configmaps", configmap())
    registry.delete("configmaps", "ns", "c", propagation=policy)
    left = registry.store.get("configmaps", "ns", "c")
    assert (left and left["metadata"]["finalizers"]) == finalizers


def test_a_namespace_is_terminating_until_it_is_finalized(registry):
    registry.delete("namespaces", None, "ns")
    assert registry.get("namespaces", None, "ns")["status"]["phase"] == "Terminating"
    refusal = refused(lambda: registry.create("configmaps", configmap()))
    assert (refusal.code, refusal.reason) == (403, "Forbidden")
    assert "because it is being terminated" in refusal.message
    registry.finalize("namespaces", None, "ns")
    assert registry.store.get("namespaces", None, "ns") is None


def test_a_dry_run_leaves_no_trace(registry):
    before = registry.store.revision
    registry.create("pods", pod(), dry_run=True)
    registry.delete("serviceaccounts", "ns", "default", dry_run=True)
    label = {"metadata": {"labels": {"a": "b"}}}
    assert registry.patch("namespaces", None, "ns", label, type="merge", dry_run=True)
    assert registry.store.revision == before


def test_an_update_that_changes_nothing_writes_nothing(registry):
    created = registry.create("pods", pod())
    before = registry.store.revision
    assert registry.update("pods", created) == created
    assert registry.set_status("pods", "ns", "p", {"phase": "Pending"}) == created
    assert registry.store.revision == before


def test_a_status_is_merged_and_nothing_else_is_touched(registry):
    registry.create("pods", pod())
    after = registry.set_status("pods", "ns", "p", {"phase": "Running", "podIP": "10.0.0.1"})
    assert after["status"]["qosClass"] == "BestEffort"
    assert after["status"]["podIP"] == "10.0.0.1"
    assert after["metadata"]["generation"] == 1


def test_an_old_version_conflicts(registry):
    old = registry.create("configmaps", configmap())
    registry.patch("configmaps", "ns", "c", {"data": {"a": "1"}}, type="merge")
    refusal = refused(lambda: registry.update("configmaps", {**old, "data": {"a": "2"}}))
    assert (refusal.code, refusal.reason) == (409, "Conflict")
    assert (
        "the object has been modified; please apply your changes to the latest" in refusal.message
    )


def test_a_generation_counts_changes_of_the_specification_only(registry):
    name = ("ns", "p")
    policy = {"metadata": {"name": "p", "namespace": "ns"}, "spec": {"podSelector": {}}}
    assert registry.create(POLICIES, policy)["metadata"]["generation"] == 1
    label = {"metadata": {"labels": {"a": "b"}}}
    spec = {"spec": {"policyTypes": ["Egress"]}}
    assert registry.patch(POLICIES, *name, label, type="merge")["metadata"]["generation"] == 1
    assert registry.patch(POLICIES, *name, spec, type="merge")["metadata"]["generation"] == 2


def test_addresses_and_ports_are_given_once(registry):
    def service(name):
        ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
        spec = {"type": "NodePort", "ports": ports}
        return {"metadata": {"name": name, "namespace": "ns"}, "spec": spec}

    made = [registry.create("services", service(f"s{n}"))["spec"] for n in range(5)]
    assert len({s["clusterIP"] for s in made}) == 5
    assert len({p["nodePort"] for s in made for p in s["ports"]}) == 10


def test_an_address_is_free_again_when_its_service_is_gone(registry):
    spec = {"clusterIP": "10.96.9.9", "ports": [{"port": 80}]}
    service = {"metadata": {"name": "s", "namespace": "ns"}, "spec": spec}
    registry.create("services", service)
    registry.delete("services", "ns", "s")
    assert registry.create("services", service)["spec"]["clusterIP"] == "10.96.9.9"


def test_a_quota_bounds_the_number_of_pods(registry):
    quota = {"metadata": {"name": "q", "namespace": "ns"}, "spec": {"hard": {"pods": "1"}}}
    registry.create("resourcequotas", quota)
    registry.create("pods", pod("one"))
    refusal = refused(lambda: registry.create("pods", pod("two")))
    assert refusal.message == (
        'pods "two" is forbidden: exceeded quota: q, '
        "requested: pods=1, used: pods=1, limited: pods=1"
    )
    registry.set_status("pods", "ns", "one", {"phase": "Succeeded"})
    registry.create("pods", pod("two"))


def test_an_ingress_without_a_class_gets_the_default(registry):
    ingresses, classes = ("ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io")
    backend = {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}

    def ingress(name, **spec):
        return {"metadata": {"name": name, "namespace": "ns"}, "spec": {**backend, **spec}}

    assert "ingressClassName" not in registry.create(ingresses, ingress("before"))["spec"]
    mark = {"ingressclass.kubernetes.io/is-default-class": "true"}
    head = {"name": "nginx", "annotations": mark}
    registry.create(classes, {"metadata": head, "spec": {"controller": "a.b/c"}})
    assert registry.create(ingresses, ingress("after"))["spec"]["ingressClassName"] == "nginx"
    own = registry.create(ingresses, ingress("own", ingressClassName="other"))
    assert own["spec"]["ingressClassName"] == "other"


def test_a_pod_is_bound_once(registry):
    registry.create("pods", pod())
    registry.bind("ns", "p", "lab-1")
    assert refused(lambda: registry.bind("ns", "p", "lab-2")).code == 409


def test_undeclared_fields_and_nulls_do_not_reach_the_store(registry):
    given = {"metadata": {"name": "p", "namespace": "ns"}, "spec": {"podSelector": None, "x": 1}}
    assert registry.create(POLICIES, given)["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress"],
    }


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        (2, "2"),
        ("1e3", "1e3"),
    ],
)
def test_quantities_are_spelled_as_the_server_does(registry, given, stored):
    limits = {"limits": {"memory": given}}
    containers = [{"name": "c", "image": "i", "resources": limits}]
    made = registry.create("pods", pod(containers=containers))
    assert made["spec"]["containers"][0]["resources"]["limits"]["memory"] == stored


@pytest.mark.parametrize(("written", "kept"), [({}, 8080), ({"hostPort": 8080}, 8080)])
def test_the_host_port_of_a_pod_on_its_nodes_network_is_its_ports(registry, written, kept):
    """pkg/apis/core/v1/defaults.go: SetDefaults_PodSpec."""
    port = {"containerPort": 8080, **written}
    spec = {"hostNetwork": True, "containers": [{"name": "c", "image": "nginx", "ports": [port]}]}
    registry.create("pods", pod(**spec))

    (container,) = registry.get("pods", "ns", "p")["spec"]["containers"]
    assert container["ports"] == [{"containerPort": 8080, "hostPort": kept, "protocol": "TCP"}]


def test_a_pod_on_its_nodes_network_has_no_other_host_port(registry):
    port = {"containerPort": 8080, "hostPort": 80}
    spec = {"hostNetwork": True, "containers": [{"name": "c", "image": "nginx", "ports": [port]}]}

    with pytest.raises(StatusError, match="must match"):
        registry.create("pods", pod(**spec))
