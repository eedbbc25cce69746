"""
Where silence would prove something: what a story and its manifests show to answer.

A silence counts as a denial only where something shows that the target would answer
(`npol.judge.verdict`): a port that a container declares, or one that is open in some step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from npol.model.expectation import Outcome, Word
from npol.model.story import Protocol
from npol.policy.evaluate.service_routing import routes
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import End, Pod
from npol.policy.simulate.flow_resolution import ResolvedFlow
from npol.policy.simulate.simulated_steps import SimulatedStep

Spot = tuple[int, Protocol]


@dataclass(frozen=True, slots=True)
class KnownPorts:
    """What is known of ends, by their names: ports that answered somebody, or refused."""

    answered: Mapping[str, frozenset[Spot]] = field(default_factory=dict)
    refused: Mapping[str, frozenset[Spot]] = field(default_factory=dict)

    def at(self, end: End, port: int, protocol: Protocol) -> bool:
        return (port, protocol) in self.spots(end)

    def refuses(self, end: End, port: int, protocol: Protocol) -> bool:
        return (port, protocol) in self.refused.get(str(end), ())

    def spots(self, end: End) -> frozenset[Spot]:
        """The ports that answer at an end."""
        declared = {(p.number, p.protocol) for p in end.ports} if isinstance(end, Pod) else set()
        key = str(end)
        known = self.answered.get(key, frozenset()) | declared
        return frozenset(known - self.refused.get(key, frozenset()))


def listening(told: Iterable[SimulatedStep], dialect: Dialect) -> KnownPorts:
    """What the expectations of a story's flows say of their targets, in any of its steps."""
    answered: dict[str, set[Spot]] = {}
    refused: dict[str, set[Spot]] = {}
    for scene in told:
        for asked in scene.asked:
            expect = asked.flow.expect.for_engine(dialect.name)
            if expect.word in (Word.ALLOW, Word.HTTP):
                _note(answered, asked, scene, dialect)
            elif expect.outcome is Outcome.REFUSED:
                _note(refused, asked, scene, dialect)
    return KnownPorts(_frozen(answered), _frozen(refused))


def _note(
    known: dict[str, set[Spot]], asked: ResolvedFlow, scene: SimulatedStep, dialect: Dialect
) -> None:
    for end, spot in _spots(asked, scene, dialect):
        known.setdefault(str(end), set()).add(spot)


def _spots(
    asked: ResolvedFlow, scene: SimulatedStep, dialect: Dialect
) -> Iterator[tuple[End, Spot]]:
    for traffic in asked.traffics:
        for path in routes(scene.world, traffic, dialect).paths:
            yield path.target, (path.port, path.protocol)


def _frozen(known: Mapping[str, set[Spot]]) -> dict[str, frozenset[Spot]]:
    return {end: frozenset(spots) for end, spots in known.items()}
