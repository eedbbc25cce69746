"""
What waits, before the rounds of a step, until its change shows.

A round waits a flow's whole timeout for what is closed: one that meets the change half way costs
that, and proves nothing. Where a network plugin takes its time, short connections tell when a
round is worth it. They are no samples: no verdict rests on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from npol.judge.flow_track import Track
from npol.judge.sample import Patience
from npol.kube.retry import Clock
from npol.model.expectation import Outcome
from npol.model.probe import ADDRESSES, Probe, ProbeKind
from npol.model.story import Protocol
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_batches import ProbeSource, answer_key, ask_all

WORTH_IT = 1.0
"""Seconds of quiet time from which on it is looked: a quicker plugin is done before a look is."""
TIMEOUT = 0.3
"""Seconds that a connection waits."""
EVERY = 0.2
"""Seconds from the start of a look to that of the next one, at least."""
_ASKS_AN_ADDRESS = (ProbeKind.CONNECT, ProbeKind.HTTP)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyLook:
    """The flows of one step, by their names."""

    step: str
    asked: Mapping[str, PreparedFlow]
    tracks: Mapping[str, Track]
    patience: Patience
    say: Callable[[str], object]
    clock: Clock = field(default_factory=Clock)

    def wait(self) -> None:
        """
        Look until the flows that open or close by this step do so, or until its quiet time is over.

        Each is looked at until it does. Nothing is waited for where none does, or none by TCP.
        """
        if self.patience.quiet_until - self.patience.started < WORTH_IT:
            return
        turning = {n: _connections(one) for n, one in self.asked.items() if self._turns(n)}
        old = {name: probes for name, probes in turning.items() if probes}
        while old and (began := self.clock.now()) < self.patience.quiet_until:
            old = self._still_old(old, began)
            if old:
                self.say(f"step {self.step}: {len(old)} of {len(turning)} flows are as before yet")
                self.clock.sleep(max(0.0, began + EVERY - self.clock.now()))

    def _turns(self, name: str) -> bool:
        """Whether it is predicted to open or to close."""
        track = self.tracks[name]
        expected = track.predicted
        if expected is None or expected.gateway_error is not None or not track.about_to_change():
            return False
        return expected.holds(Outcome.OPEN, 0) is not expected.holds(Outcome.TIMEOUT, 0)

    def _still_old(
        self, looked_at: Mapping[str, list[Probe]], began: float
    ) -> dict[str, list[Probe]]:
        """Those that are not as predicted yet; when they were seen so is noted."""
        batches: dict[ProbeSource, list[Probe]] = {}
        for name, probes in looked_at.items():
            batches.setdefault(self.asked[name].source, []).extend(probes)
        answers = ask_all(batches)
        old: dict[str, list[Probe]] = {}
        for name, probes in looked_at.items():
            source, track = self.asked[name].source, self.tracks[name]
            seen = [answers[answer_key(source, probe.key)].outcome for probe in probes]
            if not all(track.predicted and track.predicted.holds(one, 0) for one in seen):
                old[name] = probes
                track.seen_old_at = track.seen_old_at if Outcome.ERROR in seen else began
        return old


def _connections(one: PreparedFlow) -> list[Probe]:
    """What it asks of addresses by TCP, without the request that an HTTP flow sends."""
    return [
        replace(probe, kind=ProbeKind.CONNECT, timeout=TIMEOUT)
        for probe in one.probes
        if probe.kind in _ASKS_AN_ADDRESS and probe.protocol is Protocol.TCP
        if probe.role in ADDRESSES and not probe.held
    ]
