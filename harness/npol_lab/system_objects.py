"""The objects that a cluster has before anybody uses it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import npol
from npol_lab.clock import timestamp
from npol_lab.families import SINGLE, Family
from npol_lab.net.external_hosts import PLACES, Place
from npol_lab.net.network import API_PORT, ROUTER
from npol_lab.node.limits import PODS
from npol_lab.registry import Registry
from npol_lab.registry.calico_definitions import calico_definitions, tiers
from npol_lab.registry.calico_rules import TIERS
from npol_lab.registry.policy_definitions import policy_definitions

Obj = dict[str, Any]

VERSION = "v1.33.0+npol-lab"
ENGINE = "npol.dev/engine"
PLACE = "npol.dev/place"
OUTSIDE = "outside"
"""The namespace of the pods by which one can probe from places outside."""
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease", OUTSIDE)
CLUSTER_DNS = "10.96.0.10"
KUBERNETES = "10.96.0.1"
DNS_LABELS = {"k8s-app": "kube-dns"}
DNS_SLICE = "endpoints of kube-dns"
NEEDED = ("kube-dns", DNS_SLICE, *(place.name for place in PLACES))
"""What a complete cluster has: ready pods by their labels `k8s-app` or PLACE, and names."""
DNS_PORTS = (("dns", "UDP"), ("dns-tcp", "TCP"))
TOOLBOX = "registry.k8s.io/e2e-test-images/agnhost:2.53"
FLOW_AGENT = "cilium"
"""What tools know the pods by in which `hubble observe` answers."""
MEMORY = "8Gi"


def install(
    registry: Registry,
    *,
    lab: str,
    nodes: Mapping[str, Sequence[str]],
    families: Sequence[Family] = SINGLE,
    now: float,
    enforces: bool = True,
    tells_flows: bool = True,
) -> None:
    """
    Create them all. The controllers and kubelets make pods of them.

    Args:
        nodes: name to addresses of the workers; places outside are added.
        now: seconds since the epoch.
        enforces: whether policies mean anything here; it is said, as other engines say it.
        tells_flows: whether the nodes have agents that tell of packets.
    """
    for definition in (*policy_definitions(), *calico_definitions()):
        registry.create("customresourcedefinitions.apiextensions.k8s.io", definition)
    for tier in tiers():
        registry.create(TIERS, tier)
    for name in NAMESPACES:
        registry.create("namespaces", {"metadata": {"name": name}})
    for number, (name, addresses) in enumerate(nodes.items(), 1):
        ranges = [str(family.pod_range(number)) for family in families]
        registry.create("nodes", _worker(name, addresses, ranges, now))
    for place in PLACES:
        addresses = [place.address(family) for family in families]
        registry.create("nodes", _outside(place, addresses, now))
    for resource, obj in (*_api_server(), *_dns(), *_about(lab, enforces)):
        registry.create(resource, obj)
    if tells_flows:
        registry.create("daemonsets.apps", _flow_agents())
    for place in PLACES:
        registry.create("pods", _place_pod(place))


def _worker(name: str, addresses: Sequence[str], ranges: Sequence[str], now: float) -> Obj:
    spec = {"podCIDR": ranges[0], "podCIDRs": ranges, "providerID": f"npol-lab://{name}"}
    return _node(name, addresses, now, labels={}, spec=spec)


def _outside(place: Place, addresses: Sequence[str], now: float) -> Obj:
    """Tainted for good: only pods that tolerate it run there, and none is scheduled by chance."""
    taints = [{"key": PLACE, "value": place.name, "effect": "NoSchedule"}]
    return _node(place.name, addresses, now, labels={PLACE: place.name}, spec={"taints": taints})


def _node(
    name: str, addresses: Sequence[str], now: float, *, labels: dict[str, str], spec: Obj
) -> Obj:
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
    well_known = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        ENGINE: "npol-lab",
    }
    room = {"cpu": str(os.cpu_count() or 1), "memory": MEMORY, "pods": str(PODS)}
    status = {
        "addresses": [
            *({"type": "InternalIP", "address": address} for address in addresses),
            {"type": "Hostname", "address": name},
        ],
        "capacity": room,
        "allocatable": room,
        "conditions": list(_conditions(timestamp(now))),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": architecture,
            "bootID": "",
            "containerRuntimeVersion": f"npol-lab://{npol.__version__}",
            "kernelVersion": platform.release(),
            "kubeProxyVersion": "",
            "kubeletVersion": VERSION,
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "npol lab",
            "systemUUID": "",
        },
    }
    metadata = {"name": name, "labels": well_known | labels, "annotations": {ENGINE: "npol-lab"}}
    return {"metadata": metadata, "spec": spec, "status": status}


def _conditions(now: str) -> Iterator[Obj]:
    for kind, status, reason, message in (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "has sufficient memory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "has sufficient PID"),
        ("Ready", "True", "KubeletReady", "is posting ready status"),
    ):
        yield {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": f"kubelet {message}",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }


def _api_server() -> Iterator[tuple[str, Obj]]:
    """The Service of the API server, which pods find at 10.96.0.1 and behind it at the router."""
    metadata: Obj = {
        "name": "kubernetes",
        "namespace": "default",
        "labels": {"component": "apiserver", "provider": "kubernetes"},
    }
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": API_PORT}
    yield "services", {"metadata": metadata, "spec": {"clusterIP": KUBERNETES, "ports": [port]}}
    behind = {"name": "https", "port": API_PORT, "protocol": "TCP"}
    mirrored = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    yield (
        "endpoints",
        {
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": mirrored},
            "subsets": [{"addresses": [{"ip": ROUTER}], "ports": [behind]}],
        },
    )
    owner = {"kubernetes.io/service-name": "kubernetes"}
    yield (
        "endpointslices.discovery.k8s.io",
        {
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": owner},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [ROUTER], "conditions": {"ready": True}}],
            "ports": [behind],
        },
    )


def _dns() -> Iterator[tuple[str, Obj]]:
    account: Obj = {"name": "coredns", "namespace": "kube-system"}
    yield "serviceaccounts", {"metadata": account}
    ports = [{"name": n, "port": 53, "protocol": p, "targetPort": 53} for n, p in DNS_PORTS]
    metadata = {"name": "kube-dns", "namespace": "kube-system", "labels": DNS_LABELS}
    spec: Obj = {"clusterIP": CLUSTER_DNS, "selector": DNS_LABELS, "ports": ports}
    yield "services", {"metadata": metadata, "spec": spec}
    container: Obj = {
        "name": "coredns",
        "image": "registry.k8s.io/coredns/coredns:v1.12.0",
        "ports": [{"name": n, "containerPort": 53, "protocol": p} for n, p in DNS_PORTS],
    }
    pod = {
        "metadata": {"labels": DNS_LABELS},
        "spec": {
            "serviceAccountName": "coredns",
            "automountServiceAccountToken": False,
            "priorityClassName": "system-cluster-critical",
            "containers": [container],
            "dnsPolicy": "Default",
        },
    }
    named = {"name": "coredns", "namespace": "kube-system", "labels": DNS_LABELS}
    spec = {"replicas": 1, "selector": {"matchLabels": DNS_LABELS}, "template": pod}
    yield "deployments.apps", {"metadata": named, "spec": spec}


def _about(lab: str, enforces: bool) -> Iterator[tuple[str, Obj]]:
    """What says that this is no real cluster."""
    metadata: Obj = {"name": "npol-lab", "namespace": "kube-system"}
    data = {
        "version": npol.__version__,
        "id": lab,
        "enforcement": "on" if enforces else "off",
    }
    yield "configmaps", {"metadata": metadata, "data": data}


def flow_agent_on(node: str) -> str:
    """One of NEEDED, where nodes tell of packets."""
    return f"{FLOW_AGENT} on {node}"


def _flow_agents() -> Obj:
    """
    Pods on the nodes' own network in which `hubble observe` works as in those of Cilium's agent.

    They bear its label and its container's name, by which tools find them. What the lab's own
    network plugin is, the ConfigMap npol-lab says.
    """
    labels = {"k8s-app": FLOW_AGENT}
    container = {
        "name": "cilium-agent",
        "image": f"npol.dev/lab/flow-agent:v{npol.__version__}",
        "env": [{"name": "HUBBLE_SERVER", "value": "unix:///var/run/cilium/hubble.sock"}],
    }
    spec = {
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "priorityClassName": "system-node-critical",
        "containers": [container],
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "metadata": {"name": "npol-lab-flows", "namespace": "kube-system", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def _place_pod(place: Place) -> Obj:
    """Answers as agnhost does, on 80, 443 and 8080 over TCP, 80 and 8081 over UDP."""
    containers = [
        _server("web", http=80, udp=80),
        _server("tls-port", http=443, udp=-1),
        _server("alternative", http=8080, udp=8081),
    ]
    toleration = {"key": PLACE, "operator": "Exists"}
    metadata = {"name": place.name, "namespace": OUTSIDE, "labels": {PLACE: place.name}}
    spec = {
        "nodeName": place.name,
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [toleration],
        "containers": containers,
    }
    return {"metadata": metadata, "spec": spec}


def _server(name: str, *, http: int, udp: int) -> Obj:
    ports: list[Obj] = [{"containerPort": http, "protocol": "TCP"}]
    ports += [{"containerPort": udp, "protocol": "UDP"}] if udp > 0 else []
    arguments = ["netexec", f"--http-port={http}", f"--udp-port={udp}"]
    return {"name": name, "image": TOOLBOX, "args": arguments, "ports": ports}
