"""
Stories divided among several runs at once, such as the pods of an Indexed Job.

Everybody who has the same stories divides them alike, without asking anybody. Stories that would
wait for each other's locks, or change what another one reads, stay together.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npol.errors import InputError
from npol.model.policy_kinds import PolicyKind
from npol.model.story import Story
from npol.run.namespaces import changed_namespaces, extras_of, named_namespaces

STEP_WEIGHT = 50
"""How many flows cost as much as one step: settling takes seconds, a probe a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of `count` parts; `index` counts from 0, as $JOB_COMPLETION_INDEX does."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """
        Raises:
            InputError: it is no `I/N`, or there is no such part.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        index, count = map(int, match.groups()) if match else (0, 0)
        if index >= count:
            raise InputError(
                f"not a shard: {text!r}", hint="I/N, counted from 0: the first of three is 0/3"
            )
        return cls(index=index, count=count)

    def of(self, stories: Sequence[Story]) -> list[Story]:
        """The stories of this part, in their order."""
        mine = {id(story) for group in self._groups(stories) for story in group}
        return [story for story in stories if id(story) in mine]

    def _groups(self, stories: Sequence[Story]) -> Iterator[Sequence[Story]]:
        """The heaviest goes first, to the part that has least so far."""
        loads = [0] * self.count
        for group in sorted(_inseparable(stories), key=lambda g: (-_weight(g), _file(g[0]))):
            lightest = loads.index(min(loads))
            loads[lightest] += _weight(group)
            if lightest == self.index:
                yield group


def _inseparable(stories: Sequence[Story]) -> list[list[Story]]:
    """Groups of which none changes what another one reads or changes; each in its files' order."""
    ordered = sorted(stories, key=_file)
    changed = {place for story in ordered for place in _changed(story)}
    above: dict[str, str] = {}

    def top(place: str) -> str:
        while place in above:
            place = above[place]
        return place

    first: list[str] = []
    for story in ordered:
        places = changed & (_changed(story) | named_namespaces(story))
        tops = sorted({top(place) for place in places}) or [f"alone: {_file(story)}"]
        above |= dict.fromkeys(tops[1:], tops[0])
        first.append(tops[0])
    groups: dict[str, list[Story]] = defaultdict(list)
    for place, story in zip(first, ordered, strict=True):
        groups[top(place)].append(story)
    return list(groups.values())


def _changed(story: Story) -> set[str]:
    """Its namespaces, and what of the whole cluster it makes: one run at a time changes that."""
    kinds = (e for e in extras_of(story) if isinstance(e, PolicyKind) and not e.namespaced)
    made = {f"{m.kind}/{m.name}" for m in story.given if not m.namespace and m.kind != "Namespace"}
    policies = {"policies of the whole cluster" for _ in kinds}
    return changed_namespaces(story, creates=True) | made | policies


def _weight(stories: Sequence[Story]) -> int:
    return sum(STEP_WEIGHT + len(step.flows) for story in stories for step in story.steps)


def _file(story: Story) -> str:
    """The same from wherever it is named."""
    return os.path.abspath(story.path)
