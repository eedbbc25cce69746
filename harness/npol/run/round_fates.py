"""What became of the packets of a step's rounds, put beside the answers that came back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest

from npol.model.expectation import Outcome
from npol.model.packet_fate import Fate
from npol.model.probe import Answer, Probe
from npol.model.result import Evidence
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_batches import answer_key
from npol.run.probe_records import ProbeRecords

AT_ONCE = (Outcome.OPEN, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.RESET)
"""Answers that may have come before the records of their packets."""

AllEvidence = Mapping[str, tuple[Evidence, ...]]
"""By the name of a prepared flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFates:
    """The records of a step's rounds; `since` is when a round was started."""

    records: ProbeRecords
    asked: Mapping[str, PreparedFlow]
    """By their names."""
    closed: frozenset[str]
    """Names of the prepared flows that are expected to be closed."""

    def ending(self, since: float) -> AbstractContextManager[None]:
        """Meanwhile what is shown to be dropped is asked no longer."""
        return self.records.ending(self.asked.values(), since)

    def wait(self, answers: Mapping[str, Answer], since: float) -> None:
        """
        A refusal may be a policy's, and what is open may only be audited: the record comes a
        moment after the answer.
        """
        closed = [flow for name, flow in self.asked.items() if name in self.closed]
        at_once = [
            (flow, probe, answer)
            for flow in closed
            for probe in flow.probes
            if (answer := answers[answer_key(flow.source, probe.key)]).outcome in AT_ONCE
        ]
        if at_once:
            self.records.wait(partial(self._all_told, at_once, since))

    def completed(self, evidence: AllEvidence, since: float) -> dict[str, tuple[Evidence, ...]]:
        """The evidence of the last round, with the records that came a moment after it."""
        marked = [
            (self.asked[name], probe, one.answer)
            for name, found in evidence.items()
            for probe, one in zip(self.asked[name].probes, found, strict=False)
            if one.fate and one.answer.source_port is not None
        ]
        self.records.wait(partial(self._all_told, marked, since))
        return self.beside(evidence, since)

    def _all_told(self, asked: Sequence[tuple[PreparedFlow, Probe, Answer]], since: float) -> bool:
        fates = [
            self.records.fate(flow, probe, answer.source_port, since, answer)
            for flow, probe, answer in asked
        ]
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
        flow, found = self.asked[name], []
        for probe, one in zip_longest(flow.probes, evidence):
            if probe is None:  # a control, which stands behind the flow's own probes
                found.append(one)
                continue
            watched = bool(heard) and self.records.watched(flow, probe, heard, since)
            port = one.answer.source_port
            fate = self.records.fate(flow, probe, port, since, one.answer, watched=watched)
            found.append(replace(one, fate=fate))
        return tuple(found)
