"""
All pods to all pods on all ports, by groups that the policies cannot tell apart.

Rows are integers: bit n of a source's row is set if target group n is open to it. Two rows
are kept, `sure` and `may`, which differ where the dialect leaves room. Pods on their node's
network, finished ones and those without an address of the family are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from npol.policy.matrix.bitsets import GroupBits, Rows
from npol.policy.matrix.calico_bits import CalicoBits
from npol.policy.matrix.cilium_bits import CiliumBits
from npol.policy.matrix.equivalence import AnyPolicy, PodGroup, Port, pod_groups, ports_of
from npol.policy.matrix.solver import MatrixSolver
from npol.policy.matrix.tier_bits import TierBits
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import Pod
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
        sure, may = MatrixSolver(world, strict, len(groups), tiers, own).solve(wanted)
    unsure = meant is None or (meant and not _all_addressed(groups, family))
    if unsure and _has_blocks(world) and not world.calico_policies:
        _, may = MatrixSolver(world, generous, len(groups), tiers, own).solve(wanted)
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
