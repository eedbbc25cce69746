"""
Would the stories notice? Each policy is changed in one place, in prediction, and a flow of some
step must change its answer. What no flow notices survives, with the flow that would notice it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.policy.asking import Asked
from harness.policy.dialects import SPEC, Dialect
from harness.policy.diff import Difference, difference
from harness.policy.mutants import Mutant, mutants
from harness.policy.objects import Policy
from harness.policy.scenes import Scene
from harness.policy.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    What became of one mutant.

    Without `noticed_by` it survived: `add` is a flow that tells the two apart, in `step`;
    without one the mutant is `equivalent`: no flow between the pods at hand, or with the
    outside, could tell.
    """

    mutant: Mutant
    noticed_by: str = ""
    """`step: flow`."""
    add: Difference | None = None
    step: str = ""

    @property
    def hint(self) -> str:
        """The flow to add, in words; "" where none is needed or none would help."""
        if self.add is None:
            return ""
        expect = "allow" if self.add.opens else "deny"
        return f"in step {self.step!r}: {self.add.example}, expect {expect}"

    @property
    def survived(self) -> bool:
        return not self.noticed_by and self.add is not None

    @property
    def equivalent(self) -> bool:
        return not self.noticed_by and self.add is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """All mutants of all policies of the scenes."""

    results: tuple[Result, ...]

    @property
    def survivors(self) -> tuple[Result, ...]:
        return tuple(r for r in self.results if r.survived)

    @property
    def score(self) -> float:
        """Noticed mutants among those that could be noticed; 1 where there are none."""
        noticed = sum(bool(r.noticed_by) for r in self.results)
        return noticed / (noticed + len(self.survivors)) if self.results else 1.0


def mutate(told: Sequence[Scene], dialect: Dialect = SPEC) -> Mutation:
    """Try every mutant of every policy that some scene has in force."""
    answers = [[_answers(a, scene.world, dialect) for a in scene.asked] for scene in told]
    results = [
        _try(mutant, told, answers, dialect)
        for policy in _policies(told)
        for mutant in mutants(policy)
    ]
    return Mutation(results=tuple(results))


_Answers = tuple[bool | None, bool | None, bool | None]


def _answers(asked: Asked, world: World, dialect: Dialect) -> _Answers:
    return (
        asked.answer(world, dialect),
        asked.resolves(world, dialect),
        asked.beyond(world, dialect),
    )


def _policies(told: Iterable[Scene]) -> list[Policy]:
    """Each version of each policy once."""
    found: list[Policy] = []
    for scene in told:
        found += [p for p in scene.world.policies if p not in found]
    return found


def _try(
    mutant: Mutant,
    told: Sequence[Scene],
    answers: Sequence[Sequence[_Answers]],
    dialect: Dialect,
) -> Result:
    worlds = [_mutated(scene.world, mutant) for scene in told]
    for scene, world, before in zip(told, worlds, answers, strict=True):
        if world is None:
            continue
        for asked, answer in zip(scene.asked, before, strict=True):
            if _touches(asked, mutant) and _answers(asked, world, dialect) != answer:
                return Result(mutant=mutant, noticed_by=f"{scene.step}: {asked.flow.name}")
    return _survivor(mutant, told, worlds, dialect)


def _touches(asked: Asked, mutant: Mutant) -> bool:
    """Whether an end of a flow is where the policy is: no other can change."""
    ends = (end for t in asked.every_traffic for end in (t.source, t.target))
    return any(getattr(e, "namespace", "") == mutant.policy.namespace for e in ends)


def _survivor(
    mutant: Mutant, told: Sequence[Scene], worlds: Sequence[World | None], dialect: Dialect
) -> Result:
    """The step where the mutant shows most plainly, and what it opens or closes there."""
    for scene, world in zip(told, worlds, strict=True):
        if world is not None and (found := difference(world, scene.world, dialect)):
            plainest = min(found, key=lambda d: (len(d.ports) > 1, "outside" in str(d)))
            return Result(mutant=mutant, add=plainest, step=scene.step)
    return Result(mutant=mutant)


def _mutated(world: World, mutant: Mutant) -> World | None:
    """The world with the mutant in the policy's place; None where the policy is not in force."""
    if mutant.policy not in world.policies:
        return None
    if mutant.becomes is None:
        return world.without_policies([str(mutant.policy)])
    kept = (mutant.becomes if p == mutant.policy else p for p in world.policies)
    return replace(world, policies=tuple(kept))
