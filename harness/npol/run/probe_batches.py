"""Probes that are asked together: one batch per source, all sources side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from npol.model.probe import Answer, PodRef, Probe

GRACE = 5.0
"""Seconds beyond its probes' own deadlines that a source may take to answer a round."""
PER_PROBE = 0.003
"""The same for each probe of the round: the sources may all share one machine's processors."""


class ProbeSource(Protocol):
    """A source that probes can be asked from (`npol.probe.prober.Prober`)."""

    source: PodRef

    def ask(self, probes: Sequence[Probe], *, deadline: float) -> Mapping[str, Answer]: ...

    def asked_from(self, source_port: int) -> Probe | None:
        """What is being asked from this port right now."""

    def end(self, source_ports: Collection[int]) -> None:
        """Wait no longer for what is being asked from these ports."""


def ask_all(batches: Mapping[ProbeSource, Sequence[Probe]]) -> dict[str, Answer]:
    """All answers by source and probe (`answer_key`): one `ask` per source that has any."""
    batches = {source: probes for source, probes in batches.items() if probes}
    grace = GRACE + PER_PROBE * sum(map(len, batches.values()))
    with ThreadPoolExecutor(max_workers=max(1, len(batches))) as pool:
        replies = pool.map(lambda batch: (batch[0], _ask(*batch, grace=grace)), batches.items())
        return {
            answer_key(source, key): answer
            for source, reply in replies
            for key, answer in reply.items()
        }


def answer_key(source: ProbeSource, probe_key: str) -> str:
    """Where an answer stands among those of a round: two sources may ask the same."""
    return f"{source.source.uid}|{probe_key}"


def _ask(source: ProbeSource, probes: Sequence[Probe], *, grace: float) -> Mapping[str, Answer]:
    unique = list({p.key: p for p in probes}.values())
    longest = max(p.timeout for p in unique)
    return source.ask(unique, deadline=2 * longest + grace)
