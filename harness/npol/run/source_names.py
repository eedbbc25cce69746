"""Names outside the cluster, as the sources that ask for them resolve them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from npol.judge.probes import source_lookups
from npol.model.expectation import CLOSED, Word
from npol.model.probe import Probe
from npol.model.reason import Reason, ReasonCode
from npol.model.target import Backend, Target
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_batches import ProbeSource, answer_key, ask_all

MOST = 64
"""Addresses of one name that are remembered: some names have others at each look-up."""


@dataclass(slots=True)
class SourceNames:
    """
    What names have resolved to, by source; remembered for the whole run: where a step's policies
    cut DNS off, the addresses that the name had before are still asked.
    """

    _known: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)

    def resolved(self, asked: Mapping[str, PreparedFlow], engine: str) -> dict[str, PreparedFlow]:
        """The flows with the addresses of those targets that have only a name, on this engine."""
        named = [one for one in asked.values() if one.target and one.target.resolved_at_source]
        self._look_up(named)
        return {**asked, **{one.name: self._with_addresses(one, engine) for one in named}}

    def _look_up(self, named: Iterable[PreparedFlow]) -> None:
        batches: dict[ProbeSource, dict[str, Probe]] = {}
        for one in named:
            assert one.target
            for probe in source_lookups(one.target.name, timeout=one.timeout):
                batches.setdefault(one.source, {})[probe.key] = probe
        answers = ask_all({source: list(probes.values()) for source, probes in batches.items()})
        for source, probes in batches.items():
            for key, probe in probes.items():
                found = answers[answer_key(source, key)].addresses
                known = self._known.setdefault((source.source.uid, probe.name), {})
                known |= dict.fromkeys(found)
                for oldest in list(known)[:-MOST]:
                    del known[oldest]

    def _with_addresses(self, one: PreparedFlow, engine: str) -> PreparedFlow:
        target = one.target
        assert target
        known = sorted(self._known[one.source.source.uid, target.name])
        backends = tuple(Backend(ip=address, port=target.port) for address in known)
        found = replace(
            target, backends=backends, problem=_nothing_to_ask(one, target, known, engine)
        )
        return replace(one, target=found.seen_from(one.source.source) if known else found)


def _nothing_to_ask(
    one: PreparedFlow, target: Target, known: Iterable[str], engine: str
) -> Reason | None:
    """Of a name that did not resolve: that alone says why an allow fails, and denies nothing."""
    expected = one.flow.expect.for_engine(engine)
    denies = expected.word is Word.DENY or expected.outcome in CLOSED
    if known or not denies:
        return None
    name, source = target.name.rstrip("."), str(one.source.source)
    return Reason(code=ReasonCode.NAME_NOT_RESOLVED, subject=name, names=(source,))
