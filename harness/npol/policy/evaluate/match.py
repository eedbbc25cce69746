"""
Whether one clause of a rule fits one end of a flow, with the reason in words.

Three-valued: None where the specification leaves room and the dialect does not fill it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from npol.model.story import Protocol
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import End, ExternalEndpoint, Namespace, Node, Pod, Service
from npol.policy.objects.netpol_types import IpBlock, PeerClause, PortClause
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Labels, Selector, matches, spell


class RulePart(enum.Enum):
    """The part of a rule that does not fit."""

    NAMESPACE = "namespace label"
    POD = "pod label"
    ADDRESS = "address"
    KIND = "kind of end"  # a selector never selects a node or a place outside
    PORT = "port"
    PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class Fit:
    """How one clause fits; `failed` and `text` say why not, `undefined_by_spec` why unknown."""

    holds: bool | None
    failed: tuple[RulePart, ...] = ()
    text: str = ""
    undefined_by_spec: str = ""


YES = Fit(True)
_RANK = {True: 0, None: 1, False: 2}


def distance(fit: Fit) -> tuple[int, int]:
    """A sort key: what fits, then what may, then what does not; fewer parts are a nearer miss."""
    return _RANK[fit.holds], len(fit.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAndPortFit:
    """How a rule fits, by its best peer and its best port."""

    holds: bool | None
    peer_fit: Fit = YES
    port_fit: Fit = YES

    @property
    def text(self) -> str:
        """Why it does not fit."""
        return "; ".join(t for t in (self.peer_fit.text, self.port_fit.text) if t)

    @property
    def undefined_by_spec(self) -> str:
        return self.peer_fit.undefined_by_spec or self.port_fit.undefined_by_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One concrete way of a flow, after Service translation: from one end to one end."""

    source: End
    target: End
    port: int
    """The port of the target itself."""
    protocol: Protocol = Protocol.TCP
    family: int = 4
    service: Service | None = None
    service_port: int = 0
    seen_as: End | None = None
    """Whom the target sees where a node has put its own address in the source's place."""

    @property
    def client(self) -> End:
        """Whom the target sees."""
        return self.seen_as or self.source

    @property
    def to_itself(self) -> bool:
        return isinstance(self.source, Pod) and self.source == self.target

    @property
    def translated(self) -> bool:
        """Whether the port that the client named is another one than the target's."""
        return self.service is not None and self.service_port != self.port


def either(values: Iterable[bool | None]) -> bool | None:
    """Three-valued `any`."""
    seen = list(values)
    return True if True in seen else None if None in seen else False


def both(values: Iterable[bool | None]) -> bool | None:
    """Three-valued `all`."""
    seen = list(values)
    return False if False in seen else None if None in seen else True


def fit_peer(
    world: ClusterState,
    policy_namespace: str,
    peer: PeerClause,
    other: End,
    path: Path,
    dialect: Dialect,
) -> Fit:
    """Whether a peer clause of a policy in `policy_namespace` selects the other end of a path."""
    if peer.ip_block is not None:
        return _fit_block(peer.ip_block, other, path, dialect)
    if isinstance(other, Pod) and not other.host_network:
        return _fit_pod(world, policy_namespace, peer, other)
    if isinstance(other, Pod) and dialect.selectors_select_host_network is not False:
        fit = _fit_pod(world, policy_namespace, peer, other)
        unsure = fit.holds and dialect.selectors_select_host_network is None
        return Fit(None, undefined_by_spec=HOST_NETWORK_PEER) if unsure else fit
    return Fit(False, (RulePart.KIND,), f"{_kind(other)} is never selected by labels")


HOST_NETWORK_PEER = "whether selectors select pods on the host's network is undefined"
HOST_NETWORK_PORT = (
    "whether a port of a pod on the host's network is known by its name is undefined"
)


def _kind(end: End) -> str:
    if isinstance(end, Pod):
        return f"{end} is on its node's network, and"
    return f"{end}" if isinstance(end, Node) else f"{end} is outside the cluster, and"


def _fit_pod(world: ClusterState, policy_namespace: str, peer: PeerClause, pod: Pod) -> Fit:
    place, who = peer.namespace_selector, peer.pod_selector
    failed, texts = [], []
    if place is None and pod.namespace != policy_namespace:
        failed.append(RulePart.NAMESPACE)
        texts.append(f"a podSelector alone selects in its own namespace {policy_namespace} only")
    if place is not None and not matches(place, world.namespace(pod.namespace).labels):
        failed.append(RulePart.NAMESPACE)
        texts.append(_unlike_namespace(place, world.namespace(pod.namespace)))
    if who is not None and not matches(who, pod.labels):
        failed.append(RulePart.POD)
        texts.append(f"{pod} has {spell_labels(pod.labels)}, not {spell(who)}")
    return Fit(not failed, tuple(failed), " and ".join(texts))


def _unlike_namespace(selector: Selector, namespace: Namespace) -> str:
    has = spell_labels(namespace.labels)
    return f"namespace {namespace.name} has {has}, not {spell(selector)}"


def spell_labels(labels: Labels) -> str:
    return ",".join(f"{k}={v}" for k, v in labels.items()) or "no labels"


def _fit_block(block: IpBlock, other: End, path: Path, dialect: Dialect) -> Fit:
    fit = fit_address(block, other, path.family, dialect)
    if fit.holds is False and other is path.target and _around_service(block, path.service):
        return _fit_service_address(block, path, dialect)
    return fit


def fit_address(block: IpBlock, other: End, family: int, dialect: Dialect) -> Fit:
    """Whether a block of addresses holds an end's address of a family, as an engine reads it."""
    inside = _inside(block, other, family)
    if inside is False:
        return Fit(False, (RulePart.ADDRESS,), _outside_block(block, other, family))
    meant = _block_selects(other, dialect)
    if meant is False:
        text = f"engine {dialect.name} never selects {_sort(other)} by ipBlock ({block})"
        return Fit(False, (RulePart.ADDRESS,), text)
    if meant is None:
        return Fit(
            None, undefined_by_spec=f"whether ipBlock selects {_sort(other)} is up to the engine"
        )
    if inside is None:
        return Fit(
            None, undefined_by_spec=f"the address of {other} is not known, the rule names {block}"
        )
    return YES


def _inside(block: IpBlock, end: End, family: int) -> bool | None:
    """None: the end's address is not known, and the block is not the whole family."""
    if block.cidr.version != family:
        return False
    if block.whole_family:
        return True
    if (
        isinstance(end, ExternalEndpoint)
        and len([a for a in end.addresses if a.version == family]) > 1
    ):
        return _same([a in block for a in end.addresses if a.version == family])
    address = end.address(family)
    return address in block if address else None


def _same(values: list[bool]) -> bool | None:
    return values[0] if len(set(values)) == 1 else None


def _outside_block(block: IpBlock, end: End, family: int) -> str:
    if block.cidr.version != family:
        return f"{block} holds no IPv{family} addresses"
    return f"{end} ({end.address(family)}) is not in {block}"


def _block_selects(end: End, dialect: Dialect) -> bool | None:
    if isinstance(end, ExternalEndpoint):
        return True
    if isinstance(end, Pod) and not end.host_network:
        return dialect.ip_block_selects_pods
    if isinstance(end, Node) and end.control_plane:
        return dialect.ip_block_selects_control_plane
    return dialect.ip_block_selects_nodes


def _sort(end: End) -> str:
    return "pods" if isinstance(end, Pod) and not end.host_network else "nodes"


def _around_service(block: IpBlock, service: Service | None) -> bool:
    return service is not None and any(a in block for a in service.every_address)


def _fit_service_address(block: IpBlock, path: Path, dialect: Dialect) -> Fit:
    if dialect.ip_block_selects_service_addresses is None:
        return Fit(None, undefined_by_spec="whether ipBlock sees a Service's address is undefined")
    text = f"{block} is the address of {path.service}, replaced by the pod's before policies act"
    return Fit(False, (RulePart.ADDRESS,), text)


def fit_port(clause: PortClause, path: Path, dialect: Dialect) -> Fit:
    """Whether a port clause holds the path's protocol and the target's own port."""
    if clause.protocol is not path.protocol:
        text = f"the rule is for {clause.protocol.name}, the flow is {path.protocol.name}"
        return Fit(False, (RulePart.PROTOCOL,), text)
    if clause.port is None:
        return YES
    if isinstance(clause.port, str):
        return fit_named_port(clause.port, path, dialect)
    if clause.port <= path.port <= (clause.end_port or clause.port):
        return YES
    return Fit(False, (RulePart.PORT,), f"the rule allows {clause}, the pod's port is {path.port}")


def fit_named_port(name: str, path: Path, dialect: Dialect) -> Fit:
    """A name is looked up on the destination pod, whichever side the policy is on."""
    target = path.target
    numbers = target.ports_named(name, path.protocol) if isinstance(target, Pod) else ()
    if path.port in numbers:
        return _on_its_own(target, name, dialect)
    has = f"is {' or '.join(map(str, numbers))}" if numbers else "does not exist"
    text = f"port {name!r} {has} on {target}, the flow goes to {path.port}"
    return Fit(False, (RulePart.PORT,), text)


def _on_its_own(target: End, name: str, dialect: Dialect) -> Fit:
    """A pod on the host's network may be no more than its node to the engine."""
    known = dialect.names_ports_of_host_network
    if known or not (isinstance(target, Pod) and target.host_network):
        return YES
    if known is None:
        whose = "" if dialect == SPEC else f", and was not measured on {dialect.name}"
        return Fit(None, undefined_by_spec=f"{HOST_NETWORK_PORT}{whose}")
    text = f"{target} is on its node's network: port {name!r} is not looked up on it"
    return Fit(False, (RulePart.PORT,), text)
