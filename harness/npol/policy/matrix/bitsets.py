"""Sets of pod groups as bits of an integer: what selectors and blocks select, at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from npol.policy.matrix.equivalence import PodGroup, Port
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import IpBlock, PeerClause, PortClause, Rule
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Selector, matches, spell


def ones(bits: int) -> Iterator[int]:
    """The positions of the bits that are set, lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


Rows = tuple[int, ...]
"""By group at one end, a mask of the groups at the other."""


@dataclass(frozen=True, slots=True)
class MeantGroups:
    """What is meant for sure, and what may be besides."""

    sure: int = 0
    unsure: int = 0

    @property
    def either(self) -> int:
        return self.sure | self.unsure

    def __and__(self, other: MeantGroups) -> MeantGroups:
        sure = self.sure & other.sure
        return MeantGroups(sure, self.either & other.either & ~sure)


def both_ends(everyone: int, egress: Sequence[int], ingress: Sequence[int]) -> Rows:
    """What both ends let through, by source; `ingress`: by target, the sources."""
    found = list(egress)
    for sources, targets in _by_value(ingress).items():
        for refused in ones(everyone & ~sources):
            found[refused] &= ~targets
    return tuple(found)


def _by_value(masks: Sequence[int]) -> dict[int, int]:
    """Mask -> the positions that hold it, as a mask."""
    found: dict[int, int] = {}
    for position, mask in enumerate(masks):
        found[mask] = found.get(mask, 0) | 1 << position
    return found


class GroupBits:
    """
    Answers as masks over `groups`; bit n stands for group n.

    `generous` decides what latitude means: True counts what an engine might select, too.
    """

    def __init__(
        self,
        world: ClusterState,
        groups: Sequence[PodGroup],
        family: int,
        *,
        blocks_select: bool,
        generous: bool,
    ) -> None:
        self.all = (1 << len(groups)) - 1
        self._world = world
        self._groups = groups
        self._family = family
        self._blocks_select = blocks_select
        self._generous = generous
        self._by_label: dict[tuple[str, str], int] = {}
        self._by_key: dict[str, int] = {}
        self._by_namespace: dict[str, int] = {}
        self._by_port: dict[tuple[str, Port], int] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._index()

    def _index(self) -> None:
        for number, group in enumerate(self._groups):
            bit, pod = 1 << number, group.first
            space = pod.namespace
            self._by_namespace[space] = self._by_namespace.get(space, 0) | bit
            for key, value in pod.labels.items():
                self._by_label[key, value] = self._by_label.get((key, value), 0) | bit
                self._by_key[key] = self._by_key.get(key, 0) | bit
            for name, port in _named_ports(pod):
                self._by_port[name, port] = self._by_port.get((name, port), 0) | bit

    def in_namespace(self, name: str) -> int:
        return self._by_namespace.get(name, 0)

    def pods(self, selector: Selector) -> int:
        """The groups that a pod selector selects, in every namespace."""
        key = ("pods", spell(selector))
        if key not in self._known:
            self._known[key] = self._select(selector)
        return self._known[key]

    def _select(self, selector: Selector) -> int:
        masks = [
            self._by_label.get((k, v), 0) for k, v in (selector.get("matchLabels") or {}).items()
        ]
        for expression in selector.get("matchExpressions") or []:
            masks.append(self._expression(**expression))
        return reduce(and_, masks, self.all)

    def _expression(self, key: str, operator: str, values: Sequence[str] = ()) -> int:
        has = self._by_key.get(key, 0)
        among = reduce(or_, (self._by_label.get((key, v), 0) for v in values or ()), 0)
        masks = {"In": among, "NotIn": ~among, "Exists": has, "DoesNotExist": ~has}
        return masks[operator] & self.all

    def namespaces(self, selector: Selector) -> int:
        """The groups in the namespaces that a selector selects."""
        key = ("namespaces", spell(selector))
        if key not in self._known:
            chosen = (
                mask
                for name, mask in self._by_namespace.items()
                if matches(selector, self._world.namespace(name).labels)
            )
            self._known[key] = reduce(or_, chosen, 0)
        return self._known[key]

    def peers(self, rule: Rule, policy_namespace: str) -> int:
        """The groups that a rule's peers select; all for a rule without peers."""
        if not rule.peers:
            return self.all
        return reduce(or_, (self._peer(p, policy_namespace) for p in rule.peers))

    def _peer(self, peer: PeerClause, policy_namespace: str) -> int:
        if peer.ip_block is not None:
            return self._block(peer.ip_block)
        if peer.namespace_selector is None:
            mask = self.in_namespace(policy_namespace)
        else:
            mask = self.namespaces(peer.namespace_selector)
        return mask if peer.pod_selector is None else mask & self.pods(peer.pod_selector)

    def _block(self, block: IpBlock) -> int:
        if not self._blocks_select or block.cidr.version != self._family:
            return 0
        if block.whole_family:
            return self.all
        key = ("block", str(block))
        if key not in self._known:
            inside = (self._is_inside(block, group.first) for group in self._groups)
            self._known[key] = sum(1 << n for n, yes in enumerate(inside) if yes)
        return self._known[key]

    def _is_inside(self, block: IpBlock, pod: Pod) -> bool:
        address = pod.address(block.cidr.version)
        return self._generous if address is None else address in block

    def ports(self, rule: Rule, port: Port) -> int:
        """The target groups on which a rule allows a port."""
        if not rule.ports:
            return self.all
        return reduce(or_, (self._port(clause, port) for clause in rule.ports))

    def named_port(self, name: str, port: Port) -> int:
        """The groups on which a port has a name."""
        return self._by_port.get((name, port), 0)

    def _port(self, clause: PortClause, port: Port) -> int:
        if clause.protocol is not port.transport:
            return 0
        if isinstance(clause.port, str):
            return self.named_port(clause.port, port)
        if clause.port is None:
            return self.all
        return self.all if clause.port <= port.number <= (clause.end_port or clause.port) else 0


def _named_ports(pod: Pod) -> Iterator[tuple[str, Port]]:
    for declared in pod.ports:
        if declared.name:
            yield declared.name, Port(declared.number, declared.protocol.name)
