"""What became of the packets of a step's rounds, put beside the answers that came back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest

from npol.model.expectation import Outcome
from npol.model.packet_fate import Fate
from npol.model.probe import Answer
from npol.model.result import Evidence
from npol.run.probe_records import AskedProbe, ProbeRecords

AT_ONCE = (Outcome.OPEN, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.RESET)
"""Answers that may have come before the records of their packets."""

AllEvidence = Mapping[str, tuple[Evidence, ...]]
"""By the name of a prepared flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFates:
    """The records of a step's rounds; `since` is when a round was started."""

    records: ProbeRecords
    asked: Mapping[str, tuple[AskedProbe, ...]]
    """The probes of each prepared flow, by its name."""
    closed: frozenset[str]
    """Names of the prepared flows that are expected to be closed."""

    def ending(self, since: float) -> AbstractContextManager[None]:
        """Meanwhile what is shown to be dropped is asked no longer."""
        every = {probe.key: probe for probes in self.asked.values() for probe in probes}
        return self.records.ending(every, since)

    def wait(self, answers: Mapping[str, Answer], since: float) -> None:
        """
        A refusal may be a policy's, and what is open may only be audited: the record comes a
        moment after the answer.
        """
        at_once = [
            (probe, answers[probe.key])
            for name, probes in self.asked.items()
            if name in self.closed
            for probe in probes
            if answers[probe.key].outcome in AT_ONCE
        ]
        if at_once:
            self.records.wait(partial(self._all_told, at_once, since))

    def completed(self, evidence: AllEvidence, since: float) -> dict[str, tuple[Evidence, ...]]:
        """The evidence of the last round, with the records that came a moment after it."""
        marked = [
            (probe, one.answer)
            for name, found in evidence.items()
            for probe, one in zip(self.asked[name], found, strict=False)
            if one.fate and one.answer.source_port is not None
        ]
        self.records.wait(partial(self._all_told, marked, since))
        return self.beside(evidence, since)

    def _all_told(self, probes: Sequence[tuple[AskedProbe, Answer]], since: float) -> bool:
        fates = [self.records.fate(probe, answer, since) for probe, answer in probes]
        return all(fate.nodes or fate.fate is Fate.UNMARKED for fate in fates)

    def beside(self, evidence: AllEvidence, since: float) -> dict[str, tuple[Evidence, ...]]:
        """The evidence, with what records say of it by now."""
        told = {name: self._told(name, found, since) for name, found in evidence.items()}
        fates = (e.fate for found in told.values() for e in found if e.fate)
        heard = {node for fate in fates for node in fate.nodes}
        return {name: self._told(name, found, since, heard) for name, found in told.items()}

    def _told(
        self,
        name: str,
        evidence: tuple[Evidence, ...],
        since: float,
        heard: Collection[str] = (),
    ) -> tuple[Evidence, ...]:
        """`heard`: nodes that have told something of this round."""
        found = []
        for probe, one in zip_longest(self.asked[name], evidence):
            if probe is None:  # a control, which stands behind the flow's own probes
                found.append(one)
                continue
            watched = bool(heard) and self.records.watched(probe, heard, since)
            fate = self.records.fate(probe, one.answer, since, watched=watched)
            found.append(replace(one, fate=fate))
        return tuple(found)
