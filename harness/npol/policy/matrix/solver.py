"""Which groups reach which through all policies but Calico's own, by bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from npol.policy.matrix.bitsets import GroupBits, Rows, both_ends, ones
from npol.policy.matrix.cilium_bits import CiliumBits, LayerBits
from npol.policy.matrix.equivalence import Port
from npol.policy.matrix.tier_bits import TierBits
from npol.policy.objects.netpol_types import Direction, Policy, Rule
from npol.policy.objects.tier_types import Tier
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True)
class _RuleMask:
    """A rule in force: the groups that its policy selects, and those that its peers select."""

    rule: Rule
    selected: int
    peers: int


class MatrixSolver:
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
        if layer.closed and not generous:
            below &= ~(layer.allowed & self._tiers.may_be_closed_by_pass(direction, group, port))
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
        else:
            passed = self._tiers.may_be_closed_by_pass(direction, group, port)
            unsure = 0 if generous else below & passed
            if self._tiers.opens_isolated:
                below |= through(Tier.BASELINE, direction, group, port, 0, generous=generous)
            below &= ~unsure
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
