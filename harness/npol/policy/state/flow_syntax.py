"""Flows as people write them: `ns/pod -> ns/service:80/tcp`, looked up in a world."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator

from npol.errors import InputError
from npol.model.story import Protocol
from npol.policy.objects.entities import (
    OWN_NODE,
    End,
    ExternalEndpoint,
    Node,
    Pod,
    Service,
    Traffic,
)
from npol.policy.objects.netpol_types import Address
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import dns_service
from npol.policy.state.families import spoken_families
from npol.policy.state.service_backends import backends_of, only_pod

_FLOW = re.compile(r"\s*(\S.*?)\s*->\s*(\S.*?):(\d+)(?:/(tcp|udp|sctp))?\s*", re.IGNORECASE)
_HOW = (
    "write 'namespace/pod -> namespace/service:80/tcp'; an end may also be a workload, node/NAME, "
    "an address, 'internet', @dns, @apiserver or @node"
)
API_SERVER = ("default", "/", "kubernetes")
"""Its Service has this name in every cluster."""


def parse_flow(world: ClusterState, text: str) -> Traffic:
    """
    The flow that a text names, over the first family of its ends; see `parse_flows`.
    """
    return parse_flows(world, text)[0]


def parse_flows(world: ClusterState, text: str) -> tuple[Traffic, ...]:
    """
    The flow that a text names, over each IP family that its ends share.

    A name is looked up as a pod, then as a workload, then by the label `app`; a target first
    as a Service. An address has its own family only.

    Raises:
        InputError: no such flow, end or port; the hint names what is near.
    """
    match = _FLOW.fullmatch(text)
    if not match:
        raise InputError(f"not a valid flow: {text!r}", hint=_HOW)
    source = _end(world, match[1])
    target = _service(world, match[2]) or _end(world, match[2])
    port = int(match[3])
    if not 1 <= port <= 65535:
        raise InputError(f"not a valid port: {port} (they go from 1 to 65535)")
    protocol = Protocol((match[4] or "tcp").lower())
    if match[1] == "@node" and (pod := only_pod(world, target, port, protocol)):
        source = _own_node(world, pod)
    named = _named_family(match[1], match[2])
    families = named or spoken_families(world, source, target, port, protocol)
    return tuple(
        Traffic(source=source, target=target, port=port, protocol=protocol, family=family)
        for family in families
    )


def _address_in(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _named_family(*ends: str) -> tuple[int, ...]:
    """The family of an address among the ends; none where there is no address."""
    return tuple(a.version for a in map(_address_in, ends) if a)[:1]


def _service(world: ClusterState, text: str) -> Service | None:
    if address := _address_in(text):
        return world.service_at(address)
    if text == "@dns":
        return dns_service(world)
    namespace, _, name = API_SERVER if text == "@apiserver" else text.partition("/")
    return world.service(namespace, name)


def _end(world: ClusterState, text: str) -> End:
    kind, slash, name = text.partition("/")
    if kind == "node" and slash:
        return _node(world, name)
    if text == "internet":
        return ExternalEndpoint(name="internet")
    if text.startswith("@"):
        return _platform(world, text)
    if not slash:
        return _address(world, text)
    found = next(_pods(world, kind, name), None)
    if found is None:
        raise InputError(f"there is no pod, workload or Service {text}", hint=_near(world, text))
    return found


def _platform(world: ClusterState, text: str) -> End:
    """
    The pods of the DNS, the API server, any node, by names that hold in every cluster.

    What no manifest shows is no pod, and has an address that is not known.

    Raises:
        InputError: there is no end of that name.
    """
    if text == "@dns":
        service = dns_service(world)
        found: Iterator[End] = iter(backends_of(world, service) if service else ())
    elif text == "@apiserver":
        found = (node for node in world.nodes if node.control_plane)
    elif text == "@node":
        found = iter(world.nodes)
    else:
        raise InputError(f"no end is called {text}", hint="@dns, @apiserver or @node")
    return next(found, ExternalEndpoint(name=text))


def _own_node(world: ClusterState, pod: Pod) -> Node:
    """The node whose kubelet probes a pod: its own, which may have no name yet."""
    known = next((node for node in world.nodes if pod.node and node.name == pod.node), None)
    return known or Node(name=pod.node or OWN_NODE)


def _node(world: ClusterState, name: str) -> End:
    for node in world.nodes:
        if node.name == name:
            return node
    if not world.nodes:
        return Node(name=name)  # manifests rarely show nodes; an address that is not known
    known = ", ".join(n.name for n in world.nodes)
    raise InputError(f"there is no node {name}", hint=f"known: {known}")


def _address(world: ClusterState, text: str) -> End:
    address = _address_in(text)
    if address is None:
        raise InputError(f"not a valid end of a flow: {text!r}", hint=_HOW)
    owner = world.owner(address)
    if owner is None and world.looks_like_a_service(address):
        raise InputError(
            f"{address} lies among the ClusterIPs, and no Service known here has it",
            hint="name the Service, or its pods",
        )
    return owner or ExternalEndpoint(name=str(address), addresses=(address,))


def _pods(world: ClusterState, namespace: str, name: str) -> Iterator[Pod]:
    pods = [p for p in world.pods_in(namespace) if not p.finished]
    yield from (p for p in pods if p.name == name)
    yield from (p for p in pods if p.workload.partition("/")[2] == name)
    yield from (p for p in pods if p.labels.get("app") == name)


def _near(world: ClusterState, text: str) -> str:
    services = [f"{s.namespace}/{s.name}" for s in world.services]
    known = list(dict.fromkeys([*map(str, world.pods), *services]))
    near = difflib.get_close_matches(text, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(known[:10])}" if known else "no pods are known here"
