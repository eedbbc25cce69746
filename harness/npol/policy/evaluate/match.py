"""
Whether one clause of a rule fits one end of a flow, and what does not fit.

Three-valued: None where the specification leaves room and the dialect does not fill it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from npol.model.doubt import Doubt, DoubtCode
from npol.model.mismatch import Mismatch, MismatchCode, RulePart
from npol.model.story import Protocol
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import End, ExternalEndpoint, Namespace, Node, Pod, Service
from npol.policy.objects.netpol_types import IpBlock, PeerClause, PortClause
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Labels, Selector, matches, spell, spell_labels


@dataclass(frozen=True, slots=True)
class Fit:
    """How one clause fits; `mismatches` say why not, `doubt` why that is not known."""

    holds: bool | None
    mismatches: tuple[Mismatch, ...] = ()
    doubt: Doubt | None = None


YES = Fit(True)
_RANK = {True: 0, None: 1, False: 2}


def distance(fit: Fit) -> tuple[int, int]:
    """A sort key: what fits, then what may, then what does not; fewer parts are a nearer miss."""
    return _RANK[fit.holds], len(fit.mismatches)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAndPortFit:
    """How a rule fits, by its best peer and its best port."""

    holds: bool | None
    peer_fit: Fit = YES
    port_fit: Fit = YES

    @property
    def denies(self) -> bool:
        """Whether it closes what it fits: a NetworkPolicy's rules never do."""
        return False

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """What does not fit; fewer are a nearer miss."""
        return (*self.peer_fit.mismatches, *self.port_fit.mismatches)

    @property
    def failed(self) -> frozenset[RulePart]:
        """The parts that do not fit."""
        return frozenset(mismatch.code.part for mismatch in self.mismatches)

    @property
    def doubt(self) -> Doubt | None:
        return self.peer_fit.doubt or self.port_fit.doubt


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
        return doubtful(DoubtCode.HOST_NETWORK_PEER) if unsure else fit
    return unlike(_kind(other), subject=str(other))


def unlike(
    code: MismatchCode, *, subject: str = "", wanted: str = "", has: str = "", number: int = 0
) -> Fit:
    """A clause that does not fit."""
    return Fit(False, (Mismatch(code, subject, wanted, has, number),))


def doubtful(code: DoubtCode, subject: str = "", *names: str) -> Fit:
    """A clause of which nobody can tell whether it fits."""
    return Fit(None, doubt=Doubt(code, subject, names))


def _kind(end: End) -> MismatchCode:
    if isinstance(end, Pod):
        return MismatchCode.HOST_NETWORK
    return MismatchCode.NODE if isinstance(end, Node) else MismatchCode.OUTSIDE


def _fit_pod(world: ClusterState, policy_namespace: str, peer: PeerClause, pod: Pod) -> Fit:
    place, who = peer.namespace_selector, peer.pod_selector
    found = []
    if place is None and pod.namespace != policy_namespace:
        found.append(Mismatch(MismatchCode.OWN_NAMESPACE_ONLY, policy_namespace))
    if place is not None:
        found += namespace_mismatch(place, world.namespace(pod.namespace))
    if who is not None:
        found += labels_mismatch(MismatchCode.POD_LABELS, who, str(pod), pod.labels)
    return Fit(not found, tuple(found))


def namespace_mismatch(selector: Selector, namespace: Namespace) -> tuple[Mismatch, ...]:
    code = MismatchCode.NAMESPACE_LABELS
    return labels_mismatch(code, selector, namespace.name, namespace.labels)


def labels_mismatch(
    code: MismatchCode, selector: Selector, who: str, labels: Labels
) -> tuple[Mismatch, ...]:
    """Why a selector does not select who has these labels; () if it does."""
    if matches(selector, labels):
        return ()
    return (Mismatch(code, who, spell(selector), spell_labels(labels)),)


def _fit_block(block: IpBlock, other: End, path: Path, dialect: Dialect) -> Fit:
    fit = fit_address(block, other, path.family, dialect)
    if fit.holds is False and other is path.target and _around_service(block, path.service):
        return _fit_service_address(block, path, dialect)
    return fit


def fit_address(block: IpBlock, other: End, family: int, dialect: Dialect) -> Fit:
    """Whether a block of addresses holds an end's address of a family, as an engine reads it."""
    inside = _inside(block, other, family)
    if inside is False:
        return _outside_block(block, other, family)
    meant = _block_selects(other, dialect)
    pods = isinstance(other, Pod) and not other.host_network
    if meant is False:
        sort, code = "pods" if pods else "nodes", MismatchCode.ENGINE_NEVER_SELECTS
        return unlike(code, subject=sort, wanted=str(block), has=dialect.name)
    if meant is None:
        return doubtful(DoubtCode.BLOCK_SELECTS_PODS if pods else DoubtCode.BLOCK_SELECTS_NODES)
    if inside is None:
        return doubtful(DoubtCode.ADDRESS, str(other), str(block))
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


def _outside_block(block: IpBlock, end: End, family: int) -> Fit:
    if block.cidr.version != family:
        return unlike(MismatchCode.OTHER_FAMILY, wanted=str(block), number=family)
    has, code = str(end.address(family)), MismatchCode.OUTSIDE_BLOCK
    return unlike(code, subject=str(end), wanted=str(block), has=has)


def _block_selects(end: End, dialect: Dialect) -> bool | None:
    if isinstance(end, ExternalEndpoint):
        return True
    if isinstance(end, Pod) and not end.host_network:
        return dialect.ip_block_selects_pods
    if isinstance(end, Node) and end.control_plane:
        return dialect.ip_block_selects_control_plane
    return dialect.ip_block_selects_nodes


def _around_service(block: IpBlock, service: Service | None) -> bool:
    return service is not None and any(a in block for a in service.every_address)


def _fit_service_address(block: IpBlock, path: Path, dialect: Dialect) -> Fit:
    if dialect.ip_block_selects_service_addresses is None:
        return doubtful(DoubtCode.BLOCK_SELECTS_SERVICES)
    code = MismatchCode.SERVICE_ADDRESS
    return unlike(code, subject=str(path.service), wanted=str(block))


def fit_port(clause: PortClause, path: Path, dialect: Dialect) -> Fit:
    """Whether a port clause holds the path's protocol and the target's own port."""
    if clause.protocol is not path.protocol:
        wanted, has = clause.protocol.name, path.protocol.name
        return unlike(MismatchCode.OTHER_PROTOCOL, wanted=wanted, has=has)
    if clause.port is None:
        return YES
    if isinstance(clause.port, str):
        return fit_named_port(clause.port, path, dialect)
    if clause.port <= path.port <= (clause.end_port or clause.port):
        return YES
    return unlike(MismatchCode.OTHER_PORT, wanted=str(clause), number=path.port)


def fit_named_port(name: str, path: Path, dialect: Dialect) -> Fit:
    """A name is looked up on the destination pod, whichever side the policy is on."""
    target = path.target
    numbers = target.ports_named(name, path.protocol) if isinstance(target, Pod) else ()
    if path.port in numbers:
        return _on_its_own(target, name, dialect)
    has, code = " or ".join(map(str, numbers)), MismatchCode.OTHER_NAMED_PORT
    return unlike(code, subject=str(target), wanted=name, has=has, number=path.port)


def _on_its_own(target: End, name: str, dialect: Dialect) -> Fit:
    """A pod on the host's network may be no more than its node to the engine."""
    known = dialect.names_ports_of_host_network
    if known or not (isinstance(target, Pod) and target.host_network):
        return YES
    if known is None:
        unmeasured = () if dialect == SPEC else (dialect.name,)
        return doubtful(DoubtCode.HOST_NETWORK_PORT, "", *unmeasured)
    return unlike(MismatchCode.NAME_NOT_LOOKED_UP, subject=str(target), wanted=name)
