"""Targets: a story's peers against the objects of a cluster."""

from dataclasses import replace
from typing import Any

import pytest

from npol.errors import Position
from npol.judge.targets import absolute_names, place_pod, resolve, selected_pods
from npol.model.expectation import parse_expectation
from npol.model.inventory import Inventory
from npol.model.story import Flow, Peer, Protocol
from npol.policy.state.from_inventory import cluster_state
from npol.report.reasons import reason_words

HERE = Position("story.npol.yaml", 1, 1)


def pod(name, ip, uid=None, labels=None, **extra):
    meta = {"name": name, "namespace": "shop", "uid": uid or name, "labels": labels or {}}
    status = {"podIP": ip, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    meta |= extra.pop("metadata", {})
    return {"metadata": meta, "spec": {"nodeName": "n1"}, "status": status | extra}


SERVICE: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "type": "NodePort",
        "clusterIP": "10.96.0.7",
        "ports": [
            {"name": "http", "port": 80, "nodePort": 30080, "targetPort": "web"},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ],
    },
}
SLICE = {
    "metadata": {
        "namespace": "shop",
        "name": "web-x",
        "labels": {"kubernetes.io/service-name": "web"},
    },
    "ports": [{"name": "http", "port": 3001}, {"name": "dns", "port": 5353, "protocol": "UDP"}],
    "endpoints": [
        {"addresses": ["10.244.1.2"], "conditions": {"ready": True}, "targetRef": {"uid": "w1"}},
        {"addresses": ["10.244.1.3"], "conditions": {"ready": False}, "targetRef": {"uid": "w2"}},
    ],
}
PROBE = {"annotations": {"npol.dev/peer": "web"}}
NOT_READY = [{"type": "Ready", "status": "False"}]
NODES = (
    {
        "metadata": {"name": "n1"},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]},
    },
    {
        "metadata": {"name": "internet"},
        "spec": {"taints": [{"key": "outside"}]},
        "status": {"addresses": [{"type": "InternalIP", "address": "203.0.113.10"}]},
    },
)
INVENTORY = Inventory(
    namespaces=tuple({"metadata": {"name": n}} for n in ("shop", "web-team")),
    pods=(
        pod("web-1", "10.244.1.2", "w1", {"app": "web"}),
        pod("web-2", "10.244.1.3", "w2", {"app": "web"}, conditions=NOT_READY),
        pod("gone", "10.244.1.4", labels={"app": "web"}, phase="Succeeded"),
        pod("leaving", "10.244.1.5", labels={"app": "web"}, metadata={"deletionTimestamp": "t"}),
        pod(
            "ours",
            "10.244.1.6",
            labels={"app": "web"},
            metadata=PROBE,
            conditions=NOT_READY,
        ),
        pod("far", "203.0.113.10", labels={"npol.dev/place": "internet"}),
    ),
    services=(SERVICE,),
    slices=(SLICE,),
    nodes=NODES,
)
STATE = cluster_state(INVENTORY)
WEB = Peer(name="web", at=HERE, namespace="shop", service="web")


def flow(port=80, protocol=Protocol.TCP):
    expect = parse_expectation("allow")
    return Flow(
        name="f", at=HERE, source="a", target="web", port=port, protocol=protocol, expect=expect
    )


def test_a_service_leads_to_its_ready_endpoints_on_their_own_port():
    target = resolve(flow(), WEB, STATE)

    assert (target.name, target.cluster_ips) == ("web.shop.svc.cluster.local.", ("10.96.0.7",))
    assert [str(b) for b in target.backends] == ["10.244.1.2:3001"]
    assert target.pods[0].name == "web-1"


def test_names_are_those_of_the_cluster_s_own_domain():
    state = replace(STATE, domain="k8s.internal")
    client = Peer(name="a", at=HERE, namespace="shop")

    assert resolve(flow(), WEB, state).name == "web.shop.svc.k8s.internal."
    assert absolute_names("web", client, state) == ("web.shop.svc.k8s.internal.",)


def test_ports_are_matched_by_name_and_protocol():
    target = resolve(flow(53, Protocol.UDP), WEB, STATE)

    assert [str(b) for b in target.backends] == ["10.244.1.2:5353"]


@pytest.mark.parametrize(
    ("peer", "port", "problem"),
    [
        pytest.param(
            Peer(name="x", at=HERE, namespace="shop", service="wbe"),
            80,
            "Service shop/wbe does not exist: did you mean 'web'?",
            id="no-service",
        ),
        pytest.param(
            WEB, 81, "Service shop/web has no port 81/tcp; it has 80/tcp, 53/udp", id="no-port"
        ),
        pytest.param(
            Peer(name="moon", at=HERE, external="moon"),
            80,
            "this cluster has no place outside called 'moon' (give one with --peers)",
            id="no-place",
        ),
        pytest.param(
            Peer(name="y", at=HERE, namespace="shop", labels={"app": "none"}),
            80,
            "no running pod is peer 'y'",
            id="no-pod",
        ),
    ],
)
def test_an_unresolvable_target_names_the_missing_object(peer, port, problem):
    target = resolve(flow(port), peer, STATE)

    assert reason_words(target.problem) == problem
    assert target.absent is bool(peer.external), "only an external endpoint is skipped"


def test_from_outside_a_service_is_its_node_port_on_nodes_that_take_pods():
    target = resolve(flow(), WEB, STATE, from_outside=True)

    assert [str(b) for b in target.backends] == ["10.0.0.1:30080"]


def test_a_headless_service_has_no_address_of_its_own():
    headless = SERVICE | {"spec": SERVICE["spec"] | {"clusterIP": "None"}}
    inventory = Inventory(services=(headless,), slices=(SLICE,), pods=INVENTORY.pods)

    target = resolve(flow(), WEB, cluster_state(inventory))

    assert (target.cluster_ips, [str(b) for b in target.backends]) == ((), ["10.244.1.2:80"])


def test_headless_service_reaches_its_pods_at_ports_that_it_does_not_declare():
    spec = SERVICE["spec"] | {"clusterIP": "None", "selector": {"app": "web"}}
    inventory = Inventory(
        services=(SERVICE | {"spec": spec},), slices=(SLICE,), pods=INVENTORY.pods
    )

    target = resolve(flow(9090), WEB, cluster_state(inventory))

    assert (reason_words(target.problem), [str(b) for b in target.backends]) == (
        "",
        ["10.244.1.2:9090"],
    )


def test_pods_that_finished_leave_or_are_ours_are_no_targets():
    peer = Peer(name="web", at=HERE, namespace="shop", labels={"app": "web"})

    assert [p.name for p in selected_pods(peer, STATE)] == ["web-1", "web-2"]


def test_a_place_is_found_by_its_label():
    assert place_pod("internet", STATE).ip == "203.0.113.10"
    assert place_pod("moon", STATE) is None


ORDERS = {"metadata": {"name": "orders"}}
PG = {
    "metadata": {"name": "pg", "namespace": "shop"},
    "spec": {"clusterIP": "None", "selector": {"app": "pg"}, "ports": [{"port": 5432}]},
}
NAMED = cluster_state(replace(INVENTORY, services=(SERVICE, PG), namespaces=(ORDERS,)))


@pytest.mark.parametrize(
    ("name", "absolute"),
    [
        pytest.param("web", ["web.shop.svc.cluster.local."], id="service"),
        pytest.param("web.shop", ["web.shop.svc.cluster.local."], id="with-its-namespace"),
        pytest.param("web.shop.svc", ["web.shop.svc.cluster.local."], id="with-svc"),
        pytest.param(
            "web.shop.svc.cluster.local", ["web.shop.svc.cluster.local."], id="in-full, four dots"
        ),
        pytest.param("gone", ["gone.shop.svc.cluster.local.", "gone."], id="no-service"),
        pytest.param(
            "pg-0.pg", ["pg-0.pg.shop.svc.cluster.local.", "pg-0.pg."], id="pod-of-a-statefulset"
        ),
        pytest.param(
            "pg-0.pg.shop",
            ["pg-0.pg.shop.svc.cluster.local.", "pg-0.pg.shop."],
            id="with-its-namespace, too",
        ),
        pytest.param(
            "db-0.db.orders",
            ["db-0.db.orders.svc.cluster.local.", "db-0.db.orders."],
            id="of-another-namespace, which may not be read",
        ),
        pytest.param(
            "10-0-0-1.orders.pod",
            ["10-0-0-1.orders.pod.cluster.local.", "10-0-0-1.orders.pod."],
            id="pod-by-address",
        ),
        pytest.param("example.test", ["example.test."], id="outside"),
        pytest.param("web.shop.", ["web.shop."], id="absolute"),
        pytest.param("a.pg.shop.svc.cluster.local", ["a.pg.shop.svc.cluster.local."], id="5-dots"),
    ],
)
def test_names_are_looked_up_as_a_pods_resolver_does(name, absolute):
    source = Peer(name="a", at=HERE, namespace="shop")

    assert [*absolute_names(name, source, NAMED)] == absolute
