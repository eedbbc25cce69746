"""
Would the stories notice? Each policy is changed in one place, in prediction, and the expectation
of some flow must no longer be met. What no flow notices survives, with a flow that would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from npol.model.story import Story
from npol.mutation.calico_operators import calico_mutants
from npol.mutation.cilium_operators import cilium_mutants
from npol.mutation.killing_flow import KillingFlow, KillingFlows
from npol.mutation.mutant import Mutant, in_force
from npol.mutation.operators import mutants
from npol.mutation.tier_operators import tier_mutants
from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.cilium_types import CiliumPolicy
from npol.policy.objects.dialects import CALICO, Dialect
from npol.policy.objects.netpol_types import Policy
from npol.policy.objects.tier_types import TierPolicy
from npol.policy.simulate.flow_resolution import ResolvedFlow
from npol.policy.simulate.forecast import foretell
from npol.policy.simulate.simulated_steps import SimulatedStep, read_by, scenes
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantResult:
    """
    What became of one mutant.

    It was noticed, or it survived and `add` would notice it; or it is not `provable`: it does
    change flows, but none that packets could prove; else it makes no difference at all to the
    pods at hand and the story's peers.
    """

    mutant: Mutant
    noticed_in: str = ""
    """The step of the flow that noticed it."""
    noticed_by: str = ""
    """The name of that flow."""
    add: KillingFlow | None = None
    unkillable: str = ""
    """Why packets cannot prove it."""

    @property
    def survived(self) -> bool:
        return self.add is not None

    @property
    def equivalent(self) -> bool:
        return not (self.noticed_by or self.add or self.unkillable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """All mutants of all policies of a story."""

    results: tuple[MutantResult, ...]

    @property
    def noticed(self) -> tuple[MutantResult, ...]:
        return tuple(r for r in self.results if r.noticed_by)

    @property
    def survivors(self) -> tuple[MutantResult, ...]:
        return tuple(r for r in self.results if r.survived)

    @property
    def unkillable(self) -> tuple[MutantResult, ...]:
        return tuple(r for r in self.results if r.unkillable)

    @property
    def equivalent(self) -> tuple[MutantResult, ...]:
        return tuple(r for r in self.results if r.equivalent)


def mutate(story: Story, dialect: Dialect = CALICO) -> Mutation:
    """Try every mutant of every policy that some step of a story has in force."""
    told = read_by(dialect, scenes(story))
    trial = _Trial(
        told=told,
        met=[[foretell(a, scene.world, dialect) for a in scene.asked] for scene in told],
        killing_flows=KillingFlows(story, told, dialect),
        dialect=dialect,
    )
    return Mutation(results=tuple(trial.of(m) for m in _mutants(told)))


def _mutants(told: Sequence[SimulatedStep]) -> Iterator[Mutant]:
    """Those of each version of each policy, once."""
    policies: list[Policy] = []
    tiers: list[TierPolicy] = []
    own: list[CiliumPolicy] = []
    calico: list[CalicoPolicy] = []
    for scene in told:
        policies += [p for p in scene.world.policies if p not in policies]
        tiers += [p for p in scene.world.tier_policies if p not in tiers]
        own += [p for p in scene.world.cilium_policies if p not in own]
        calico += [p for p in scene.world.calico_policies if p not in calico]
    for policy in policies:
        yield from mutants(policy)
    for tiered in tiers:
        yield from tier_mutants(tiered, [p for p in tiers if p.name != tiered.name])
    for policy_of_cilium in own:
        yield from cilium_mutants(policy_of_cilium)
    for policy_of_calico in calico:
        others = [p for p in calico if str(p) != str(policy_of_calico)]
        yield from calico_mutants(policy_of_calico, others)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """`met`: of each flow of each scene, whether its expectation is met as things are."""

    told: Sequence[SimulatedStep]
    met: Sequence[Sequence[bool | None]]
    killing_flows: KillingFlows
    dialect: Dialect

    def of(self, mutant: Mutant) -> MutantResult:
        worlds = [_mutated(scene.world, mutant) for scene in self.told]
        for scene, world, met in zip(self.told, worlds, self.met, strict=True):
            for asked, before in zip(scene.asked, met, strict=True) if world else ():
                if world and self._notices(asked, mutant, world, before):
                    name = asked.flow.name
                    return MutantResult(mutant=mutant, noticed_in=scene.step, noticed_by=name)
        return self._unnoticed(mutant, worlds)

    def _notices(
        self, asked: ResolvedFlow, mutant: Mutant, world: ClusterState, before: bool | None
    ) -> bool:
        """Whether a flow that was not wrong before is no longer right."""
        if before is False or not _touches(asked, mutant):
            return False
        after = foretell(asked, world, self.dialect)
        return after is not True and after is not before

    def _unnoticed(self, mutant: Mutant, worlds: Sequence[ClusterState | None]) -> MutantResult:
        """With the plainest flow of any step; the earliest of those."""
        best, why = None, ""
        for scene, world in zip(self.told, worlds, strict=True):
            if world is not None and (best is None or any(best.rank)):
                flow, reason = self.killing_flows.find(scene, world)
                if flow and (best is None or flow.rank < best.rank):
                    best = flow
                why = why or reason
        return MutantResult(mutant=mutant, add=best, unkillable="" if best else why)


def _touches(asked: ResolvedFlow, mutant: Mutant) -> bool:
    """Whether an end of a flow is where the policy is: no other can change."""
    if not mutant.policy.namespace:
        return True
    ends = (end for t in asked.every_traffic for end in (t.source, t.target))
    return any(getattr(e, "namespace", "") == mutant.policy.namespace for e in ends)


def _mutated(world: ClusterState, mutant: Mutant) -> ClusterState | None:
    """The world with the mutant in the policy's place; None where the policy is not in force."""
    if not in_force(mutant, world):
        return None
    without = world.without_policies([str(mutant.policy)])
    if isinstance(mutant.becomes, TierPolicy):
        return replace(without, tier_policies=(*without.tier_policies, mutant.becomes))
    if isinstance(mutant.becomes, CiliumPolicy):
        return replace(without, cilium_policies=(*without.cilium_policies, mutant.becomes))
    if isinstance(mutant.becomes, CalicoPolicy):
        return replace(without, calico_policies=(*without.calico_policies, mutant.becomes))
    return without.with_policies([mutant.becomes]) if mutant.becomes else without
