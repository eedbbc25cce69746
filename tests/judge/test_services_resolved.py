"""A Service leads to the same ends for what is measured and for what is predicted."""

import ipaddress

import pytest

from npol.errors import Position
from npol.judge.targets import resolve, selected_pods
from npol.model.expectation import parse_expectation
from npol.model.inventory import Inventory
from npol.model.story import Flow, Peer
from npol.policy.evaluate.service_routing import routes
from npol.policy.objects.dialects import CALICO
from npol.policy.objects.entities import ExternalEndpoint, Traffic
from npol.policy.state.apply_changes import apply, label
from npol.policy.state.from_inventory import cluster_state
from npol.report.reasons import reason_words

HERE = Position("story.npol.yaml", 1, 1)
CLIENT = Peer(name="client", at=HERE, namespace="shop", pod="client")
INTERNET = Peer(name="internet", at=HERE, external="internet")


def meta(name, **more):
    return {"name": name, "namespace": "shop", "uid": f"uid-{name}", **more}


def pod(name, ip, *, ready=True, labels=None, node="n1", ports=(), **metadata):
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": meta(name, labels=labels or {"app": "web"}, **metadata),
        "spec": {"nodeName": node, "containers": [{"name": "web", "ports": list(ports)}]},
        "status": {"phase": "Running", "podIP": ip, "conditions": conditions},
    }


def service(name="web", *, selector=True, ports=None, status=None, **spec):
    chosen = {"selector": {"app": "web"}} if selector else {}
    declared = ports or [{"port": 80, "targetPort": 8080}]
    return {
        "metadata": meta(name),
        "spec": {"clusterIP": "10.96.0.7", "ports": declared, **chosen, **spec},
        "status": {"loadBalancer": {"ingress": status or []}},
    }


def endpoint_slice(name, *ends, port=8080):
    """`ends`: address, whether it is ready, the name of the pod."""
    return {
        "metadata": meta(f"{name}-x", labels={"kubernetes.io/service-name": name}),
        "ports": [{"port": port}],
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {"ready": ready},
                **({"targetRef": {"kind": "Pod", "uid": f"uid-{of}"}} if of else {}),
            }
            for address, ready, of in ends
        ],
    }


def node(name, address, **spec):
    addresses = [{"type": "InternalIP", "address": address}]
    return {"metadata": {"name": name}, "spec": spec, "status": {"addresses": addresses}}


PODS = (
    pod("client", "10.244.1.9", labels={"app": "client"}),
    pod("web-1", "10.244.1.2", node="n1"),
    pod("web-2", "10.244.2.3", ready=False, node="n2"),
)
NODES = (
    node("n1", "10.0.0.1"),
    node("n2", "10.0.0.2"),
    node("moon", "203.0.113.1", taints=[{"key": "outside"}]),
)
LISTED = endpoint_slice("web", ("10.244.1.2", True, "web-1"), ("10.244.2.3", False, "web-2"))
BOTH = endpoint_slice("web", ("10.244.1.2", True, "web-1"), ("10.244.2.3", True, "web-2"))
NODE_PORT = [{"port": 80, "targetPort": 8080, "nodePort": 30080}]
ONE, TWO = "10.244.1.2:8080", "10.244.2.3:8080"


def state_of(*services, slices=(), pods=PODS):
    return cluster_state(Inventory(services=services, slices=tuple(slices), pods=pods, nodes=NODES))


def flow(port=80, name="web", **more):
    expect = parse_expectation("allow")
    return Flow(name="f", at=HERE, source="client", target=name, port=port, expect=expect, **more)


def measured(state, name="web", port=80):
    peer = Peer(name=name, at=HERE, namespace="shop", service=name)
    return resolve(flow(port), peer, state)


def predicted(state, name="web", port=80, source=None):
    client = source or state.pod("shop", "client")
    return routes(
        state, Traffic(source=client, target=state.service("shop", name), port=port), CALICO
    )


def spelled(paths):
    return sorted(f"{p.target.addresses[0]}:{p.port}" for p in paths)


EXTERNAL_IPS = {"externalIPs": ["198.51.100.7"]}
SERVICES = [
    pytest.param(service(), [LISTED], [ONE], id="cluster-ip"),
    pytest.param(service(), [], [ONE], id="no-slices-yet"),
    pytest.param(service(clusterIP="None"), [LISTED], ["10.244.1.2:80"], id="headless"),
    pytest.param(
        service(publishNotReadyAddresses=True), [BOTH], [ONE, TWO], id="publishes-not-ready"
    ),
    pytest.param(
        service(publishNotReadyAddresses=True), [], [ONE, TWO], id="publishes-without-slices"
    ),
    pytest.param(
        service(selector=False),
        [endpoint_slice("web", ("10.244.2.3", True, ""), port=9090)],
        ["10.244.2.3:9090"],
        id="written-by-hand-to-a-pod",
    ),
    pytest.param(
        service(selector=False),
        [endpoint_slice("web", ("192.0.2.5", True, ""), port=9090)],
        ["192.0.2.5:9090"],
        id="written-by-hand-to-outside",
    ),
    pytest.param(
        service(selector=False),
        [endpoint_slice("web", ("192.0.2.5", False, ""))],
        [],
        id="written-by-hand-not-ready",
    ),
    pytest.param(
        service(),
        [endpoint_slice("web", ("10.244.1.7", True, "gone"), ("10.244.1.2", True, "web-1"))],
        [ONE],
        id="pod-is-gone",
    ),
    pytest.param(
        service(),
        [endpoint_slice("web", ("10.244.2.3", False, "web-2"))],
        [ONE],
        id="not-listed-yet",
    ),
    pytest.param(
        service(),
        [endpoint_slice("web", ("10.244.1.2", False, "web-1"))],
        [ONE],
        id="not-ready-yet",
    ),
    pytest.param(service(ports=[{"port": 80, "targetPort": "http"}]), [], [], id="no-such-name"),
    pytest.param(service(**EXTERNAL_IPS), [LISTED], [ONE], id="external-ips"),
]


@pytest.mark.parametrize(("web", "slices", "ends"), SERVICES)
def test_measured_and_predicted_backends_are_the_same(web, slices, ends):
    state = state_of(web, slices=slices)

    assert sorted(map(str, measured(state).backends)) == ends
    assert spelled(predicted(state).paths) == ends
    assert bool(predicted(state).problem) is not bool(ends)


def test_unknown_port_has_one_reason():
    state = state_of(service())

    problem = predicted(state, port=81).problem

    assert problem
    assert reason_words(measured(state, port=81).problem) == reason_words(problem)


@pytest.mark.parametrize(
    ("address", "more"),
    [
        pytest.param("10.96.0.7", {}, id="cluster-ip"),
        pytest.param("198.51.100.7", EXTERNAL_IPS, id="external-ip"),
        pytest.param("198.51.100.8", {"status": [{"ip": "198.51.100.8"}]}, id="load-balancer"),
        pytest.param(
            "198.51.100.8",
            {"status": [{"ip": "198.51.100.8", "ipMode": "VIP"}]},
            id="load-balancer-vip",
        ),
    ],
)
def test_every_address_of_a_service_means_it(address, more):
    state = state_of(service(**more))

    assert str(state.service_at(ipaddress.ip_address(address))) == "Service shop/web"


def test_address_of_a_proxying_load_balancer_is_no_address_of_the_service():
    state = state_of(service(status=[{"ip": "198.51.100.8", "ipMode": "Proxy"}]))

    assert state.service_at(ipaddress.ip_address("198.51.100.8")) is None


ALIAS = {"selector": False, "clusterIP": "", "ports": [], "type": "ExternalName"}


def test_external_name_of_a_service_leads_behind_that_service():
    alias = service("alias", externalName="web.shop.svc.cluster.local", **ALIAS)
    state = state_of(service(), alias, slices=[LISTED])

    target = measured(state, "alias")

    assert (target.name, target.cluster_ips) == ("alias.shop.svc.cluster.local.", ("10.96.0.7",))
    assert list(map(str, target.backends)) == spelled(predicted(state, "alias").paths) == [ONE]


@pytest.mark.parametrize(
    "name", ["alias.shop.svc.cluster.local", "web.elsewhere.svc.cluster.local."]
)
def test_external_name_that_leads_nowhere_has_one_reason(name):
    state = state_of(service("alias", externalName=name, **ALIAS))

    problem = reason_words(predicted(state, "alias").problem)

    assert reason_words(measured(state, "alias").problem) == problem
    assert "ExternalName" in problem


def test_external_name_outside_is_predicted_and_its_address_never_guessed():
    state = state_of(service("alias", externalName="db.example.com", **ALIAS))

    (path,) = predicted(state, "alias").paths

    assert path.target == ExternalEndpoint(name="db.example.com")
    assert not measured(state, "alias").backends
    assert measured(state, "alias").resolved_at_source


FROM_OUTSIDE = [
    pytest.param({"type": "NodePort"}, ["10.0.0.1:30080", "10.0.0.2:30080"], id="node-port"),
    pytest.param({"type": "LoadBalancer"}, ["10.0.0.1:30080", "10.0.0.2:30080"], id="balanced"),
    pytest.param(
        {"type": "NodePort", "externalTrafficPolicy": "Local"}, ["10.0.0.1:30080"], id="local"
    ),
    pytest.param({"type": "ClusterIP"}, [], id="cluster-ip"),
    pytest.param(
        {
            "type": "LoadBalancer",
            "allocateLoadBalancerNodePorts": False,
            "ports": [{"port": 80, "targetPort": 8080}],
        },
        [],
        id="balanced-without-node-ports",
    ),
]


@pytest.mark.parametrize(("spec", "addresses"), FROM_OUTSIDE)
def test_client_outside_reaches_what_it_is_predicted_to_reach(spec, addresses):
    """By nodes that take pods: a tainted one may stand for a place outside."""
    state = state_of(service(**{"ports": NODE_PORT, **spec}), slices=[LISTED])
    peer = Peer(name="web", at=HERE, namespace="shop", service="web")

    target = resolve(flow(), peer, state, from_outside=True)

    assert list(map(str, target.backends)) == addresses
    assert bool(predicted(state, source=ExternalEndpoint(name="internet")).paths) is bool(addresses)
    assert bool(target.problem) is not bool(addresses)


def test_what_a_controller_wrote_gives_way_to_a_change_and_what_a_hand_wrote_stays():
    written = service("written", selector=False)
    by_hand = endpoint_slice("written", ("192.0.2.5", True, ""))
    before = state_of(service(), written, slices=[LISTED, by_hand])

    after = label(before, kind="pod", name="web-1", namespace="shop", labels={"app": None})
    replaced = apply(before, [{"kind": "Pod", "apiVersion": "v1", **PODS[1]}])

    assert spelled(predicted(before).paths) == spelled(predicted(replaced).paths) == [ONE]
    assert predicted(after).paths == ()
    assert spelled(predicted(after, "written").paths) == ["192.0.2.5:8080"]


BY_REPLICA_SET = [{"kind": "ReplicaSet", "name": "old-name", "controller": True}]
ADOPTED = {
    "metadata": meta("old-name", ownerReferences=[{"kind": "Deployment", "name": "web"}]),
    "spec": {"template": {"metadata": {"labels": {"app": "web"}}}},
}


@pytest.mark.parametrize(
    ("replica_sets", "deployment", "pods"),
    [
        pytest.param((ADOPTED,), "web", ["web-1"], id="adopted"),
        pytest.param((), "web", [], id="replica-set-not-seen"),
        pytest.param(
            ({"metadata": meta("old-name"), "spec": {"replicas": 1}},), "web", [], id="on-its-own"
        ),
    ],
)
def test_pods_of_a_deployment_are_traced_by_owner_references(replica_sets, deployment, pods):
    """A Deployment adopts ReplicaSets that bear no hash, neither in their name nor as a label."""
    made = pod("web-1", "10.244.1.2", ownerReferences=BY_REPLICA_SET)
    state = cluster_state(Inventory(pods=(made,), replica_sets=replica_sets))
    peer = Peer(name="web", at=HERE, namespace="shop", workload=f"deployment/{deployment}")

    assert [p.name for p in selected_pods(peer, state)] == pods


def test_replica_set_named_like_one_of_a_deployment_is_not_its_when_nobody_owns_it():
    """Its name and hash would say Deployment; its ownerReferences do not."""
    labels = {"app": "web", "pod-template-hash": "5d4f"}
    owner = [{"kind": "ReplicaSet", "name": "web-5d4f", "controller": True}]
    alone = {"metadata": meta("web-5d4f"), "spec": {"replicas": 1}}
    made = pod("web-1", "10.244.1.2", labels=labels, ownerReferences=owner)
    peer = Peer(name="web", at=HERE, namespace="shop", workload="deployment/web")

    read = cluster_state(Inventory(pods=(made,), replica_sets=(alone,)))
    unread = cluster_state(Inventory(pods=(made,)))

    assert list(selected_pods(peer, read)) == []
    assert [p.name for p in selected_pods(peer, unread)] == ["web-1"]
