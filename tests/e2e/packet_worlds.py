"""
Lying worlds as packets: a lab in which sources fall silent, targets die and others meddle, all of
them inside one step of a story, and policies bite late. A world is a source, a target and a step;
many share a step, many stories a lab, for a world mostly waits. Times are a tenth of the pure
worlds', and each world begins as the one before it of its pair has ended.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Any

from npol.model.expectation import Verdict
from npol.model.result import FlowResult
from tests.judge.lying_world import NEVER, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketWorld:
    """What is open before and after a step, what is expected of it, and every lie."""

    before: bool
    after: bool
    expect: str
    silent: Window = NEVER
    """While the source cannot send across the network."""
    dead: Window = NEVER
    """While the target answers nobody, itself included."""
    foreign: float = math.inf
    """When somebody else makes a policy: the same for all worlds of a step."""
    enforced: bool = True
    """Whether the policies ever bite."""

    @property
    def holds(self) -> bool:
        return self.after is (self.expect == "allow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How many worlds, and how long they lie."""

    stories: int
    pairs: int
    """Of a source and a target, in each story."""
    steps: int
    ends_by: float
    """Seconds into a step by which every lie has ended."""
    delay: float
    """Seconds after which the lab enforces a policy; infinite: never, and lies may last, too."""
    behind: str
    """What a target is asked as: `service` or `pod`."""

    @property
    def enforces(self) -> bool:
        return self.delay < math.inf

    def drawn(self, seed: int) -> list[list[list[PacketWorld]]]:
        """By story, step and pair."""
        choose = random.Random(seed)
        return [self._story(choose) for _ in range(self.stories)]

    def _story(self, choose: random.Random) -> list[list[PacketWorld]]:
        steps, was = [], [True] * self.pairs
        for _ in range(self.steps):
            foreign = choose.choice([math.inf] * 4 + [choose.uniform(0.0, self.ends_by)])
            worlds = [replace(self._world(choose, before), foreign=foreign) for before in was]
            was = [world.after for world in worlds]
            steps.append(worlds)
        return steps

    def _world(self, choose: random.Random, before: bool) -> PacketWorld:
        start = choose.uniform(0.0, self.ends_by)
        end = min(self.ends_by, start + choose.uniform(0.1, self.ends_by))
        lie = Window(start, choose.choice([end, end if self.enforces else math.inf]))
        lies: dict[str, Any] = choose.choice([{}, {"silent": lie}, {"dead": lie}])
        after, expect = choose.random() < 0.5, choose.choice(["allow", "deny"])
        return PacketWorld(
            before=before, after=after, expect=expect, enforced=self.enforces, **lies
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What npol said of a world."""

    world: PacketWorld
    flow: FlowResult
    meddled: bool | None
    """Whether somebody changed the cluster in its step; None: at about its end."""

    @property
    def wrong(self) -> str:
        """Why it is not the truth; "" if it is."""
        invalid = self.flow.verdict is Verdict.INVALID
        if self.meddled is None or (self.meddled and invalid):
            return ""
        if not self.meddled and self._is_true:
            return ""
        return f"{self.flow.verdict.value} ({self.flow.reason}) in {self.world}"

    @property
    def _is_true(self) -> bool:
        """What policies mean, where they bite; elsewhere any verdict but a false pass."""
        if not self.world.enforced:
            passes = self.world.holds and self.world.after
            return passes or self.flow.verdict is not Verdict.AS_EXPECTED
        if self.world.holds:
            return self.flow.verdict is Verdict.AS_EXPECTED
        closed = self.world.expect == "allow"
        return self.flow.verdict in (
            Verdict.TOO_CLOSED if closed else Verdict.TOO_OPEN,
            Verdict.FLAPPING,
        )
