"""The ends of the lab's flows: pods that stay, with labels and ports that change by cluster."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from hypothesis import strategies as st

from npol.policy.objects.entities import ExternalEndpoint
from tests.policy.clusters import (
    KEYS,
    NAMES,
    NAMESPACES,
    PORTS,
    VALUES,
    container_ports,
    ip_blocks,
    labels,
    policies,
    specs,
)

NODES = {"lab-1": "10.98.1.11", "lab-2": "10.98.1.12"}
PLACES = {"internet": "203.0.113.10", "backup": "192.168.5.10"}


@dataclass(frozen=True)
class Resident:
    """A pod that stays where it is; its labels and declared ports come with each cluster."""

    name: str
    namespace: str
    node: str
    address: str
    host_network: bool = False


PODS = (
    Resident("p0", "x", "lab-1", "10.244.1.2"),
    Resident("p1", "x", "lab-1", "10.244.1.3"),
    Resident("p2", "x", "lab-2", "10.244.2.2"),
    Resident("p3", "y", "lab-1", "10.244.1.4"),
    Resident("p4", "y", "lab-2", "10.244.2.3"),
    Resident("p5", "y", "lab-2", "10.244.2.4"),
    Resident("h1", "x", "lab-1", NODES["lab-1"], host_network=True),
    Resident("h2", "y", "lab-2", NODES["lab-2"], host_network=True),
)

_pod_addresses = [pod.address for pod in PODS if not pod.host_network]
blocks = st.one_of(
    ip_blocks("10.244.0.0/16", _pod_addresses),
    ip_blocks("10.0.0.0/8", [*_pod_addresses, *NODES.values()]),
    st.sampled_from([*NODES.values(), *PLACES.values()]).map(lambda a: {"cidr": f"{a}/32"}),
)

_service_ports = st.fixed_dictionaries(
    {"targetPort": st.sampled_from([*PORTS, *NAMES]), "protocol": st.sampled_from(["TCP", "UDP"])}
)


@st.composite
def services(draw, number):
    """Ports 8000 and 8001, each to a number or a name; most select some pod."""
    entries = draw(st.lists(_service_ports, min_size=1, max_size=2))
    ports = [{"name": f"s{n}", "port": 8000 + n, **entry} for n, entry in enumerate(entries)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"s{number}", "namespace": draw(st.sampled_from(NAMESPACES))},
        "spec": {
            "selector": dict([draw(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)))]),
            "clusterIP": f"10.96.7.{number + 1}",
            "ports": ports,
        },
    }


@st.composite
def lab_clusters(draw):
    """`namespaces` (name -> labels), `pods`, `services`, `policies` and `asked`, all raw."""
    return {
        "namespaces": {name: draw(labels) for name in NAMESPACES},
        "pods": [_pod(resident, draw) for resident in PODS],
        "services": [draw(services(n)) for n in range(2)],
        "policies": draw(policies(specs(blocks), max_policies=6)),
        "asked": draw(
            st.lists(
                st.tuples(st.sampled_from(PORTS), st.sampled_from(["TCP", "UDP"])),
                min_size=2,
                max_size=3,
                unique=True,
            )
        ),
    }


def _pod(resident, draw):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": resident.name,
            "namespace": resident.namespace,
            "uid": f"uid-{resident.name}",
            "labels": draw(labels),
        },
        "spec": {
            "nodeName": resident.node,
            "hostNetwork": resident.host_network,
            "containers": [{"name": "c", "ports": draw(container_ports())}],
        },
        "status": {
            "podIP": resident.address,
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def objects(cluster):
    """Everything of a cluster as API objects, the nodes with them."""
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": given}}
        for name, given in cluster["namespaces"].items()
    ]
    nodes = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "status": {"addresses": [{"type": "InternalIP", "address": address}]},
        }
        for name, address in NODES.items()
    ]
    kinds = ("pods", "services", "policies", "tiers", "calico", "accounts")
    return [*namespaces, *nodes, *(o for kind in kinds for o in cluster.get(kind, ()))]


def places():
    return [
        ExternalEndpoint(name=n, addresses=(ipaddress.ip_address(a),)) for n, a in PLACES.items()
    ]


def slices(cluster):
    """
    What the control plane writes for each port of each Service: one slice by pods' number. A pod
    that has none of its ports is in one without any.
    """
    return [piece for service in cluster["services"] for piece in _of_service(cluster, service)]


def _of_service(cluster, service):
    pods = [*_selected(cluster, service)]
    for port in service["spec"]["ports"]:
        by_number = {}
        for pod in pods:
            if number := _number(pod, port):
                by_number.setdefault(number, []).append(pod)
        for number, same in by_number.items():
            given = {"name": port["name"], "port": number, "protocol": port["protocol"]}
            yield _slice(service, f"{port['name']}-{number}", [given], same)
    bare = [pod for pod in pods if not any(_number(pod, p) for p in service["spec"]["ports"])]
    if bare:
        yield _slice(service, "none", [], bare)


def _selected(cluster, service):
    for pod in cluster["pods"]:
        same = pod["metadata"]["namespace"] == service["metadata"]["namespace"]
        if same and service["spec"]["selector"].items() <= pod["metadata"]["labels"].items():
            yield pod


def _number(pod, port):
    if isinstance(port["targetPort"], int):
        return port["targetPort"]
    for declared in pod["spec"]["containers"][0]["ports"]:
        if (declared["name"], declared["protocol"]) == (port["targetPort"], port["protocol"]):
            return declared["containerPort"]
    return None


def _slice(service, called, ports, pods):
    name = service["metadata"]["name"]
    return {
        "metadata": {
            "name": f"{name}-{called}",
            "namespace": service["metadata"]["namespace"],
            "labels": {"kubernetes.io/service-name": name},
        },
        "ports": ports,
        "endpoints": [
            {
                "addresses": [pod["status"]["podIP"]],
                "nodeName": pod["spec"]["nodeName"],
                "conditions": {"ready": True},
            }
            for pod in pods
        ],
    }
