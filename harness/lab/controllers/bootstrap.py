"""The objects that a cluster has before anybody writes to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import harness
from harness.lab.clock import timestamp
from harness.lab.net.places import PLACES, Place
from harness.lab.registry import Registry
from harness.lab.store import Obj

ENGINE = "npol-lab"
VERSION = "v1.33.0+npol-lab"
OUTSIDE = "outside"
TAINT = "npol.dev/outside"
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease", OUTSIDE)
KUBERNETES, KUBE_DNS = "10.96.0.1", "10.96.0.10"
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
COREDNS = "registry.k8s.io/coredns/coredns:v1.12.0"

COREFILE = """\
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa
}
"""


def bootstrap(
    registry: Registry,
    *,
    nodes: Sequence[str],
    address: Callable[[str], str],
    server: tuple[str, int],
) -> None:
    """
    Create the first objects.

    Args:
        nodes: names of the workers.
        address: of a node or of a place, by name.
        server: address and port at which pods find the API server.
    """
    for name in NAMESPACES:
        registry.create("namespaces", {"metadata": {"name": name}})
    now = timestamp(datetime.now(UTC).timestamp())
    for number, name in enumerate(nodes, 1):
        _create_node(registry, _worker(name, number), address(name), now)
    for place in PLACES:
        _create_node(registry, _outside(place), place.address, now)
        registry.create("pods", _place_pod(place))
    for resource, obj in [*_kube_system(), *_kubernetes(*server)]:
        registry.create(resource, obj)


def _create_node(registry: Registry, node: Obj, address: str, now: str) -> None:
    registry.create("nodes", node)
    name = node["metadata"]["name"]
    registry.set_status("nodes", None, name, _node_status(name, address, now))


def _node(name: str, labels: dict[str, str], spec: Obj) -> Obj:
    own = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "npol.dev/engine": ENGINE,
    }
    annotations = {"npol.dev/engine": ENGINE}
    return {
        "metadata": {"name": name, "labels": own | labels, "annotations": annotations},
        "spec": spec,
    }


def _worker(name: str, number: int) -> Obj:
    pods = f"10.244.{number}.0/24"
    return _node(name, {}, {"podCIDR": pods, "podCIDRs": [pods]})


def _outside(place: Place) -> Obj:
    taint = {"key": TAINT, "value": place.name, "effect": "NoSchedule"}
    return _node(place.name, {"npol.dev/place": place.name}, {"taints": [taint]})


def _node_status(name: str, address: str, now: str) -> Obj:
    size = {
        "cpu": str(os.cpu_count() or 1),
        "memory": "16Gi",
        "pods": "250",
        "ephemeral-storage": "100Gi",
    }
    release = os.uname()
    return {
        "capacity": size,
        "allocatable": size,
        "addresses": [
            {"type": "InternalIP", "address": address},
            {"type": "Hostname", "address": name},
        ],
        "conditions": [_node_condition(*row, now) for row in NODE_CONDITIONS],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": name,
            "systemUUID": name,
            "bootID": name,
            "kernelVersion": release.release,
            "osImage": f"npol lab {harness.__version__}",
            "containerRuntimeVersion": f"npol-lab://{harness.__version__}",
            "kubeletVersion": VERSION,
            "kubeProxyVersion": VERSION,
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
    }


NODE_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "sufficient PID available"),
    ("Ready", "True", "KubeletReady", "posting ready status"),
)


def _node_condition(kind: str, status: str, reason: str, text: str, now: str) -> Obj:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": f"kubelet {'is' if kind == 'Ready' else 'has'} {text}",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }


def _place_pod(place: Place) -> Obj:
    """Answers like a small site, and can be asked by exec to probe from there."""
    servers = (("site", 80, 80, ""), ("site-tls", 443, -1, "tls"), ("site-8080", 8080, 8081, ""))
    return {
        "metadata": {
            "name": place.name,
            "namespace": OUTSIDE,
            "labels": {"npol.dev/place": place.name},
        },
        "spec": {
            "nodeName": place.name,
            "hostNetwork": True,
            "automountServiceAccountToken": False,
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 1,
            "containers": [_site(*row) for row in servers],
        },
    }


def _site(name: str, http: int, udp: int, tls: str) -> Obj:
    args = ["netexec", f"--http-port={http}", f"--udp-port={udp}"]
    if tls:
        args += ["--tls-cert-file=/localhost.crt", "--tls-private-key-file=/localhost.key"]
    ports = [{"containerPort": http, "protocol": "TCP"}]
    if udp > 0:
        ports.append({"containerPort": udp, "protocol": "UDP"})
    return {"name": name, "image": AGNHOST, "args": args, "ports": ports}


def _kube_system() -> Iterable[tuple[str, Obj]]:
    namespace = {"namespace": "kube-system"}
    labels = {"k8s-app": "kube-dns"}
    about = {"engine": ENGINE, "version": harness.__version__}
    yield "configmaps", {"metadata": {"name": ENGINE, **namespace}, "data": about}
    yield "serviceaccounts", {"metadata": {"name": "coredns", **namespace}}
    corefile = {"Corefile": COREFILE}
    yield "configmaps", {"metadata": {"name": "coredns", **namespace}, "data": corefile}
    yield (
        "services",
        {
            "metadata": {
                "name": "kube-dns",
                "labels": labels | {"kubernetes.io/name": "CoreDNS"},
                **namespace,
            },
            "spec": {
                "clusterIP": KUBE_DNS,
                "selector": labels,
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
                ],
            },
        },
    )
    yield (
        "deployments.apps",
        {
            "metadata": {"name": "coredns", "labels": labels, **namespace},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": _coredns_spec()},
            },
        },
    )


def _coredns_spec() -> Obj:
    return {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "containers": [
            {
                "name": "coredns",
                "image": COREDNS,
                "args": ["-conf", "/etc/coredns/Corefile"],
                "ports": [
                    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
                ],
                "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
            }
        ],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }


def _kubernetes(address: str, port: int) -> Iterable[tuple[str, Obj]]:
    """The API server as a Service; it keeps the addresses itself, no controller does."""
    metadata = {"name": "kubernetes", "namespace": "default"}
    labels = {"component": "apiserver", "provider": "kubernetes"}
    https = {"name": "https", "protocol": "TCP"}
    yield (
        "services",
        {
            "metadata": {**metadata, "labels": labels},
            "spec": {
                "clusterIP": KUBERNETES,
                "ports": [{**https, "port": 443, "targetPort": port}],
            },
        },
    )
    yield (
        "endpoints",
        {
            "metadata": {
                **metadata,
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [{"addresses": [{"ip": address}], "ports": [{**https, "port": port}]}],
        },
    )
    yield (
        "endpointslices.discovery.k8s.io",
        {
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [{**https, "port": port}],
        },
    )
