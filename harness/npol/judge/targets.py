"""
Where a flow goes: a peer of the story, resolved against the objects of the cluster.

Pure. Addresses come from the API and never from a look-up: a name is a probe of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from npol.errors import did_you_mean
from npol.model.inventory import Inventory, Obj, is_debug_pod, pod_ref
from npol.model.peer_selection import named_by
from npol.model.probe import PodRef
from npol.model.sentence import NOTHING, Sentence
from npol.model.story import Flow, Peer, Protocol
from npol.model.target import Backend, Target

PLACE = "npol.dev/place"
"""Label of a pod that stands for a place outside, such as `internet`."""
CLUSTER_DOMAIN = "cluster.local"
_SERVICE_OF_SLICE = "kubernetes.io/service-name"


def resolve(flow: Flow, peer: Peer, inventory: Inventory, *, from_outside: bool = False) -> Target:
    """
    The addresses of a flow's target; `Target.problem` says why there are none.

    A source outside the cluster reaches a Service by its nodes' NodePort only.
    """
    label = f"{peer.name}:{flow.port}/{flow.protocol.value}"
    if peer.via_service:
        service = (peer.via_namespace, peer.via_service)
        return _service(flow, label, service, inventory, host=peer.host, outside=from_outside)
    if peer.service:
        service = (peer.namespace, peer.service)
        return _service(flow, label, service, inventory, outside=from_outside)
    if peer.external or peer.address:
        return _place(flow, label, peer, inventory)
    pods = list(selected_pods(peer, inventory))
    backends = tuple(_backend(p, flow.port) for p in pods if p.ip)
    problem = NOTHING if backends else Sentence(f"no running pod is peer {peer.name!r}")
    return Target(label=label, port=flow.port, backends=backends, problem=problem)


def selected_pods(peer: Peer, inventory: Inventory) -> Iterator[PodRef]:
    """The running pods that a peer names."""
    here = inventory.pods_of(peer.namespace)
    return named_by(peer, (pod_ref(p, peer.container) for p in here if not is_debug_pod(p)))


def absolute_name(name: str, source: Peer, inventory: Inventory) -> str:
    """
    The fully qualified name that a pod's search domains would find first.

    `web` is a Service of the source's namespace, `web.shop` one of the namespace `shop` if
    there is such a namespace; anything else is looked up as it stands.
    """
    if name.endswith("."):
        return name
    namespaces = {n["metadata"]["name"] for n in inventory.namespaces}
    parts = name.split(".")
    if len(parts) == 1:
        return f"{name}.{source.namespace}.svc.{CLUSTER_DOMAIN}."
    if parts[1] in namespaces and (len(parts) == 2 or parts[2:] == ["svc"]):
        return f"{parts[0]}.{parts[1]}.svc.{CLUSTER_DOMAIN}."
    return f"{name}."


def _backend(pod: PodRef, port: int) -> Backend:
    return Backend(ip=pod.ip, port=port, pod=pod)


def _place(flow: Flow, label: str, peer: Peer, inventory: Inventory) -> Target:
    if peer.address:
        backend = Backend(ip=peer.address, port=flow.port)
        return Target(label=label, port=flow.port, backends=(backend,))
    place = place_pod(peer.external, inventory)
    if place is None:
        problem = no_place(peer.external)
        return Target(label=label, port=flow.port, problem=problem, absent=True)
    return Target(label=label, port=flow.port, backends=(_backend(place, flow.port),))


def place_pod(name: str, inventory: Inventory) -> PodRef | None:
    """The pod that stands for a place outside, where the cluster has one."""
    for pod in inventory.pods:
        if (pod["metadata"].get("labels") or {}).get(PLACE) == name:
            return pod_ref(pod)
    return None


def no_place(name: str) -> Sentence:
    """Why flows with this place are skipped."""
    return Sentence(f"this cluster has no place outside called {name!r} (give one with --peers)")


def _service(
    flow: Flow,
    label: str,
    where: tuple[str, str],
    inventory: Inventory,
    *,
    host: str = "",
    outside: bool = False,
) -> Target:
    namespace, name = where
    service = inventory.service(namespace, name)
    if service is None:
        return _nothing(flow, label, _no_service(namespace, name, inventory))
    spec = service["spec"]
    ports = spec.get("ports") or []
    port = next((p for p in ports if _serves(p, flow)), None)
    headless = spec.get("clusterIP") == "None"
    if port is None and not (headless and spec.get("selector")):
        return _nothing(flow, label, f"Service {namespace}/{name} has {_spell_ports(ports, flow)}")
    if outside:
        return _from_outside(flow, label, where, port or {}, inventory, host)
    asked = flow.port if headless else None
    cluster_ip = spec.get("clusterIP") or ""
    return Target(
        label=label,
        port=flow.port,
        name="" if host else f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}.",
        cluster_ip="" if headless else cluster_ip,
        backends=tuple(_endpoints(where, port or {}, inventory, asked)),
        host=host,
    )


def _nothing(flow: Flow, label: str, problem: str) -> Target:
    return Target(label=label, port=flow.port, problem=Sentence(problem))


def _serves(port: Obj, flow: Flow) -> bool:
    return port["port"] == flow.port and _protocol(port) is flow.protocol


def _protocol(port: Obj) -> Protocol:
    return Protocol(str(port.get("protocol") or "TCP").lower())


def _no_service(namespace: str, name: str, inventory: Inventory) -> str:
    there = sorted(
        s["metadata"]["name"] for s in inventory.services if s["metadata"]["namespace"] == namespace
    )
    told = did_you_mean(name, there, f"there are {', '.join(there) or 'none'}")
    return f"Service {namespace}/{name} does not exist: {told}"


def _spell_ports(ports: list[Obj], flow: Flow) -> str:
    known = ", ".join(f"{p['port']}/{_protocol(p).value}" for p in ports) or "no port"
    return f"no port {flow.port}/{flow.protocol.value}, it has {known}"


def _from_outside(
    flow: Flow, label: str, where: tuple[str, str], port: Obj, inventory: Inventory, host: str
) -> Target:
    node_port = port.get("nodePort")
    if not node_port:
        return _nothing(flow, label, f"Service {where[0]}/{where[1]} has no NodePort for outside")
    backends = tuple(Backend(ip=ip, port=node_port) for ip in _node_addresses(inventory))
    return Target(label=label, port=flow.port, backends=backends, host=host)


def _node_addresses(inventory: Inventory) -> Iterator[str]:
    """Internal addresses of the nodes that take pods; tainted ones may be places outside."""
    for node in inventory.nodes:
        if not (node.get("spec") or {}).get("taints"):
            for address in (node.get("status") or {}).get("addresses") or []:
                if address["type"] == "InternalIP":
                    yield address["address"]


def _endpoints(
    where: tuple[str, str], port: Obj, inventory: Inventory, asked: int | None
) -> Iterator[Backend]:
    """
    The ready endpoints of a Service's port.

    Args:
        asked: the port of a headless Service, which translates none: its name stands for
            the pods' own addresses.
    """
    namespace, name = where
    pods = {p["metadata"].get("uid"): p for p in inventory.pods}
    seen: set[str] = set()
    for slice_ in inventory.slices:
        meta = slice_["metadata"]
        if meta.get("namespace") != namespace:
            continue
        if (meta.get("labels") or {}).get(_SERVICE_OF_SLICE) != name:
            continue
        for backend in _of_slice(slice_, port, pods, asked):
            if str(backend) not in seen:
                seen.add(str(backend))
                yield backend


def _of_slice(slice_: Obj, port: Obj, pods: dict[str, Obj], asked: int | None) -> Iterator[Backend]:
    number = asked or next(
        (p["port"] for p in slice_.get("ports") or [] if _same_port(p, port)), None
    )
    for endpoint in slice_.get("endpoints") or []:
        if number is None or (endpoint.get("conditions") or {}).get("ready") is False:
            continue
        pod = pods.get((endpoint.get("targetRef") or {}).get("uid", ""))
        for address in endpoint["addresses"]:
            yield Backend(ip=address, port=number, pod=pod_ref(pod) if pod else None)


def _same_port(of_slice: Obj, of_service: Obj) -> bool:
    """A slice's port bears the name of the Service's port; an unnamed one bears none."""
    same_name = (of_slice.get("name") or "") == (of_service.get("name") or "")
    return same_name and _protocol(of_slice) is _protocol(of_service)
