"""
All pods to all pods on all ports, by groups that the policies cannot tell apart.

Rows are integers: bit n of a source's row is set if target group n is open to it. Two rows
are kept, `sure` and `may`, which differ where the dialect leaves room. Pods on their node's
network, finished ones and those without an address of the family are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import and_, or_

from npol.policy.matrix.bitsets import GroupBits, Rows, both_ends, ones
from npol.policy.matrix.calico_bits import CalicoBits
from npol.policy.matrix.cilium_bits import CiliumBits, LayerBits
from npol.policy.matrix.equivalence import AnyPolicy, PodGroup, Port, pod_groups, ports_of
from npol.policy.matrix.tier_bits import TierBits
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, Policy, Rule
from npol.policy.objects.tier_types import Tier
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is open between groups of pods, port by port, for one address family."""

    groups: tuple[PodGroup, ...]
    ports: tuple[Port, ...]
    sure: Mapping[Port, Rows]
    may: Mapping[Port, Rows]
    left_out: tuple[Pod, ...] = ()

    def between(self, source: int, target: int, port: Port) -> bool | None:
        """From one pod of a group to another pod of a group, by their numbers."""
        if self.sure[port][source] >> target & 1:
            return True
        return None if self.may[port][source] >> target & 1 else False

    def answer(self, source: Pod, target: Pod, port: Port) -> bool | None:
        """
        From one pod to another; a pod always reaches itself.

        Raises:
            KeyError: a pod that is not in the matrix, or a port.
        """
        if source == target:
            return True
        return self.between(self._number[str(source)], self._number[str(target)], port)

    @cached_property
    def _number(self) -> dict[str, int]:
        return {str(pod): n for n, group in enumerate(self.groups) for pod in group.pods}


def matrix(
    world: ClusterState,
    dialect: Dialect = SPEC,
    *,
    ports: Collection[Port] | None = None,
    groups: Sequence[PodGroup] | None = None,
    family: int = 4,
) -> Matrix:
    """
    The matrix of a world. Default ports: those that pods declare or policies name.

    Where policies of other kinds may select a pod, its flows are not sure.
    """
    world = world.as_read(dialect)
    pods = [p for p in world.pods if takes_part(p, family)]
    groups = groups if groups is not None else pod_groups(pods, all_policies(world))
    wanted = tuple(sorted(ports) if ports is not None else ports_of(pods, all_policies(world)))
    meant = dialect.ip_block_selects_pods
    strict = GroupBits(world, groups, family, blocks_select=meant is True, generous=False)
    generous = GroupBits(world, groups, family, blocks_select=meant is not False, generous=True)
    tiers = TierBits(world, groups, family, strict, dialect) if world.tier_policies else None
    own = CiliumBits(world, groups, family, strict, dialect) if world.cilium_policies else None
    if world.calico_policies:
        sure, may = CalicoBits(world, groups, family, strict, generous, tiers).solve(wanted)
    else:
        sure, may = _Solver(world, strict, len(groups), tiers, own).solve(wanted)
    unsure = meant is None or (meant and not _all_addressed(groups, family))
    if unsure and _has_blocks(world) and not world.calico_policies:
        _, may = _Solver(world, generous, len(groups), tiers, own).solve(wanted)
    clouded = _clouded(world, groups)
    return Matrix(
        groups=tuple(groups),
        ports=wanted,
        sure={port: _masked(rows, clouded, 0) for port, rows in sure.items()},
        may={port: _masked(rows, clouded, ~0) for port, rows in may.items()},
        left_out=tuple(p for p in world.pods if not takes_part(p, family)),
    )


def all_policies(world: ClusterState) -> tuple[AnyPolicy, ...]:
    """Every policy that is evaluated, of whatever tier, and the network sets that they name."""
    return *world.every_policy, *(world.network_sets if world.calico_policies else ())


def takes_part(pod: Pod, family: int = 4) -> bool:
    """Whether policies act on a pod's packets of a family."""
    addressed = not pod.addresses or pod.address(family) is not None
    return addressed and not pod.host_network and not pod.finished


def _has_blocks(world: ClusterState) -> bool:
    """Only addresses leave room between two pods."""
    return any(p.ip_block for o in world.policies for r in o.all_rules for p in r.peers)


def _all_addressed(groups: Sequence[PodGroup], family: int) -> bool:
    return all(group.first.address(family) for group in groups)


def _clouded(world: ClusterState, groups: Sequence[PodGroup]) -> int:
    """The groups that policies of other kinds may select."""
    if not world.others:
        return 0
    return sum(1 << n for n, g in enumerate(groups) if any(world.others_for(pod) for pod in g.pods))


def _masked(rows: Rows, clouded: int, fill: int) -> Rows:
    if not clouded:
        return rows
    everything = (1 << len(rows)) - 1
    return tuple(
        fill & everything if clouded >> n & 1 else (row & ~clouded) | (fill & clouded)
        for n, row in enumerate(rows)
    )


@dataclass(frozen=True, slots=True)
class _RuleMask:
    """A rule in force: the groups that its policy selects, and those that its peers select."""

    rule: Rule
    selected: int
    peers: int


class _Solver:
    """One reading of one world: ports that no rule tells apart share their rows."""

    def __init__(
        self,
        world: ClusterState,
        bits: GroupBits,
        groups: int,
        tiers: TierBits | None,
        own: CiliumBits | None,
    ) -> None:
        self._bits = bits
        self._tiers = tiers
        self._own = own
        self._rules: list[_RuleMask] = []
        self._open = {d: [bits.all] * groups for d in Direction}
        for policy in world.policies:
            selected = bits.in_namespace(policy.namespace) & bits.pods(policy.selector)
            if selected:
                self._isolate(policy, selected)

    def _isolate(self, policy: Policy, selected: int) -> None:
        for direction in policy.directions:
            for group in ones(selected):
                self._open[direction][group] = 0
        for rule in policy.all_rules:
            peers = self._bits.peers(rule, policy.namespace)
            self._rules.append(_RuleMask(rule, selected, peers))

    def solve(self, ports: Sequence[Port]) -> tuple[dict[Port, Rows], dict[Port, Rows]]:
        """What is open for sure, and what may be."""
        known: dict[object, tuple[Rows, Rows]] = {}
        sure: dict[Port, Rows] = {}
        may: dict[Port, Rows] = {}
        for port in ports:
            on = tuple(self._bits.ports(mask.rule, port) for mask in self._rules)
            if self._own:
                key = (on, self._own.key(port))
                if self._tiers or key not in known:
                    layers = self._layers(self._sides(on), port, self._own)
                    known[key] = self._through(layers, port)
                sure[port], may[port] = known[key]
                continue
            if self._tiers:
                sides = self._sides(on)
                sure[port] = both_ends(self._bits.all, *self._in_tiers(sides, port, generous=False))
                may[port] = both_ends(self._bits.all, *self._in_tiers(sides, port, generous=True))
                continue
            if on not in known:
                known[on] = (both_ends(self._bits.all, *self._sides(on)),) * 2
            sure[port], may[port] = known[on]
        return sure, may

    def _layers(
        self, sides: tuple[list[int], list[int]], port: Port, own: CiliumBits
    ) -> tuple[list[LayerBits], list[LayerBits]]:
        """Both directions with Cilium's own policies beside NetworkPolicies; egress first."""
        egress, ingress = (
            own.sides(direction, port, self._open[direction], side)
            for direction, side in zip((Direction.EGRESS, Direction.INGRESS), sides, strict=True)
        )
        return egress, ingress

    def _through(
        self, layers: tuple[list[LayerBits], list[LayerBits]], port: Port
    ) -> tuple[Rows, Rows]:
        """What is open for sure, and what may be."""
        sure, may = (
            both_ends(
                self._bits.all,
                *(
                    [
                        self._beside_tiers(direction, group, layer, port, generous)
                        for group, layer in enumerate(side)
                    ]
                    for direction, side in zip(
                        (Direction.EGRESS, Direction.INGRESS), layers, strict=True
                    )
                ),
            )
            for generous in (False, True)
        )
        return sure, may

    def _beside_tiers(
        self, direction: Direction, group: int, layer: LayerBits, port: Port, generous: bool
    ) -> int:
        """What comes through one side: rules that decide, then the tier behind, then the rest."""
        ways = (True, False) if layer.closed is None else (layer.closed,)
        rests = [self._behind(direction, group, port, generous, closed) for closed in ways]
        if generous:
            below = layer.allowed | (reduce(or_, rests) & layer.undecided)
        else:
            below = self._bits.all & ~layer.denied & (~layer.undecided | reduce(and_, rests))
        if self._tiers is None:
            return below
        return self._tiers.through(Tier.ADMIN, direction, group, port, below, generous=generous)

    def _behind(
        self, direction: Direction, group: int, port: Port, generous: bool, closed: bool
    ) -> int:
        """What comes of what no rule of the layer decides."""
        rest = 0 if closed else self._bits.all
        if self._tiers is None or (closed and not self._tiers.opens_isolated):
            return rest
        return self._tiers.through(Tier.BASELINE, direction, group, port, rest, generous=generous)

    def _in_tiers(
        self, sides: tuple[list[int], list[int]], port: Port, *, generous: bool
    ) -> tuple[list[int], list[int]]:
        """Both directions with the tiers around NetworkPolicies; egress first."""
        egress, ingress = (
            [
                self._in_tier(direction, group, mask, port, generous)
                for group, mask in enumerate(side)
            ]
            for direction, side in zip((Direction.EGRESS, Direction.INGRESS), sides, strict=True)
        )
        return egress, ingress

    def _in_tier(
        self, direction: Direction, group: int, below: int, port: Port, generous: bool
    ) -> int:
        assert self._tiers is not None
        through = self._tiers.through
        if self._open[direction][group]:  # no NetworkPolicy isolates it
            every = self._bits.all
            below = through(Tier.BASELINE, direction, group, port, every, generous=generous)
        elif self._tiers.opens_isolated:
            below |= through(Tier.BASELINE, direction, group, port, 0, generous=generous)
        return through(Tier.ADMIN, direction, group, port, below, generous=generous)

    def _sides(self, on: Sequence[int]) -> tuple[list[int], list[int]]:
        """
        By group, what NetworkPolicies let it reach, and by what they let it be reached.

        `on`: for each rule, the target groups on which it allows the port.
        """
        egress = list(self._open[Direction.EGRESS])
        ingress = list(self._open[Direction.INGRESS])
        for mask, targets in zip(self._rules, on, strict=True):
            if mask.rule.direction is Direction.EGRESS:
                for source in ones(mask.selected):
                    egress[source] |= mask.peers & targets
            else:
                for target in ones(mask.selected & targets):
                    ingress[target] |= mask.peers
        return egress, ingress
