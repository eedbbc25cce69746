"""
When a step's answers are final. Pure: time is passed in, in seconds of one monotonic clock.

A NetworkPolicy has no status, and the API never says when one is enforced (Kubernetes docs,
"Network Policies", section "Pod lifecycle"). So rounds are asked until two witnesses agree and
hold still: the packets, and the prediction, which is what the policies mean. Where they agree,
the answer is final, whether it is what the story expects or not. Where they differ, it is
not final before the deadline, and packets that meet the expectation against the prediction are
`unknown` even then. Without a prediction a match is final, a mismatch at the deadline, unless the
data plane's records prove that policies drop it.

A sample counts only if the network plugin's quiet time has passed when it began, or if the flow,
which has a prediction, has visibly changed since the step's change: an old answer is never taken
for a new one.
"""

from __future__ import annotations

from collections.abc import Mapping

from npol.judge.flow_track import Settled, Track
from npol.judge.sample import Patience, Sample, Signature
from npol.model.agreement import Agreement
from npol.model.result import Judgement

STAGGER = 0.2
"""Seconds between the starts of two samples that may overlap."""
IN_FLIGHT = 2
"""Samples under way at once; one where a source starves."""


class Settling:
    """All flows of one step, from the change until every one of them is final."""

    def __init__(
        self,
        before: Mapping[str, Signature | None],
        patience: Patience,
        predicted: Mapping[str, Agreement | None] | None = None,
        *,
        trust_packets: bool = False,
    ) -> None:
        """
        `before`: each flow's signature at the end of the step before, None if not known;
        `predicted`: what agrees with each flow's prediction, None without one.
        """
        self.patience = patience
        foreseen = predicted or {}
        self.tracks = {
            key: Track(before=signature, predicted=foreseen.get(key), trust_packets=trust_packets)
            for key, signature in before.items()
        }
        self._launched: list[float] = []
        self._open: set[float] = set()

    def launch(self, now: float) -> None:
        """A round starts; all flows of the step are asked in it."""
        self._launched.append(now)
        self._open.add(now)

    def record(self, started: float, finished: float, round_: Mapping[str, Judgement]) -> None:
        """A round has ended."""
        self._open.discard(started)
        for key, judgement in round_.items():
            self.tracks[key].add(Sample(started, finished, judgement))

    def may_launch(self, now: float) -> bool:
        """Whether the next round may start now."""
        if self.done(now) or (self._launched and now < self.next_launch()):
            return False
        starved = any(t.samples and t.samples[-1].starved for t in self.tracks.values())
        most = 1 if starved else IN_FLIGHT
        if now < self.patience.quiet_until:
            return len(self._open) < most
        late = [s for s in self._open if s >= self.patience.quiet_until]
        if len(late) < len(self._open) and self._early_will_do():
            return False  # another one would only take the CPU from them
        wanted = max(t.missing(self.patience) for t in self.tracks.values())
        return len(late) < min(most, wanted)

    def _early_will_do(self) -> bool:
        """Whether the rounds under way from before the quiet time's end may be the last."""
        waiting = [t for t in self.tracks.values() if not t.settled(self.patience)]
        return all(t.about_to_change() for t in waiting)

    def next_launch(self) -> float:
        """The earliest time for the next round, if none of those under way ends first."""
        return self._launched[-1] + STAGGER if self._launched else self.patience.started

    def done(self, now: float) -> bool:
        """Whether every flow is final."""
        tracks = self.tracks.values()
        if not all(t.samples for t in tracks):
            return False
        if all(t.settled(self.patience) or t.hopeless(self.patience) for t in tracks):
            return True
        if now < self.patience.deadline:
            return False
        return now >= self.patience.latest or all(t.heard_out(self.patience) for t in tracks)

    def gave_up(self, now: float) -> bool:
        """Whether it is done before the deadline with flows that are not final."""
        late = now >= self.patience.deadline
        return not late and any(t.hopeless(self.patience) for t in self.tracks.values())

    def waiting(self) -> tuple[str, ...]:
        """Flows that are not as expected yet."""
        return tuple(
            k for k, t in self.tracks.items() if not t.samples or not t.samples[-1].matched
        )

    def results(self) -> dict[str, Settled]:
        return {key: track.result(self.patience) for key, track in self.tracks.items()}
