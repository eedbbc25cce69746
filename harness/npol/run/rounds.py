"""One round: every flow of a step asked at once, each source in one exec, then judged."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from npol.judge import verdict
from npol.judge.controls import Controls
from npol.judge.liveness import LivenessRecord
from npol.judge.probes import self_control
from npol.model.expectation import Outcome, Verdict
from npol.model.probe import Answer, Probe, Role, socket_address
from npol.model.result import Evidence, Judgement
from npol.model.sending import Sending
from npol.model.story import Protocol
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_batches import ProbeSource, answer_key, ask_all
from npol.run.probe_records import ProbeRecords
from npol.run.round_fates import RoundFates
from npol.run.source_controls import SourceControls

_AS_ADDRESS = {Outcome.DNS_TIMEOUT: Outcome.TIMEOUT, Outcome.DNS_NEGATIVE: Outcome.OPEN}
_Way = tuple[str, int]
"""A source's uid, and an IP family that it sends over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """What one round saw, by the names of the prepared flows."""

    launched: float
    """When the round was asked for: no sample of it is older."""
    started: float
    finished: float
    judgements: Mapping[str, Judgement]
    evidence: Mapping[str, tuple[Evidence, ...]]
    remembered: bool = False
    """Whether a silence is a denial for what was known of its target before the round."""


@dataclass(slots=True, kw_only=True)
class Rounds:
    """Asks rounds of one step. Several may be under way."""

    step: str
    engine: str
    asked: Mapping[str, PreparedFlow]
    liveness: LivenessRecord
    pool: ThreadPoolExecutor
    denial: frozenset[Outcome]
    inside: Mapping[Probe, ProbeSource] = field(default_factory=dict)
    """What targets are asked from inside, because nothing else shows that they live."""
    let_through: Collection[str] = ()
    """Names of the prepared flows that the policies let through, by prediction."""
    foretold: Collection[str] = ()
    """Names of those with a prediction."""
    controls: Mapping[str, SourceControls] = field(default_factory=dict)
    """By a source's uid: what shows that it can send, where no flow of the step does."""
    records: ProbeRecords | None = None
    """What the data plane tells; None where nobody listens."""
    fates: RoundFates | None = field(init=False, default=None)
    """The same with the probes of this step."""
    _let_through: Mapping[_Way, set[str]] = field(init=False)
    """Its flows in `let_through` that ask something."""
    _timeout: float = field(init=False)
    """Of the controls."""

    def __post_init__(self) -> None:
        self.fates = self._watch(self.records) if self.records else None
        self._let_through = {}
        for name in (name for name in self.let_through if self.asked[name].probes):
            uid = self.asked[name].source.source.uid
            for family in self.asked[name].families:
                self._let_through.setdefault((uid, family), set()).add(name)
        self._timeout = max((a.timeout for a in self.asked.values()), default=2.0)

    def _watch(self, records: ProbeRecords) -> RoundFates:
        closed = (n for n, a in self.asked.items() if a.flow.expect.for_engine(self.engine).closed)
        return RoundFates(
            records=records,
            asked=self.asked,
            closed=frozenset(closed),
        )

    def launch(self, now: float) -> Future[RoundResult]:
        """One round over all flows, in the background."""
        return self.pool.submit(self._round, now)

    def _round(self, launched: float) -> RoundResult:
        started = time.monotonic()
        with self.fates.ending(started) if self.fates else nullcontext():
            answers = ask_all(self.batches())
        if self.fates:
            self.fates.wait(answers, started)
        return self.judged(answers, (launched, started, time.monotonic()))

    def judged(
        self, answers: Mapping[str, Answer], times: tuple[float, float, float]
    ) -> RoundResult:
        """
        What a round's answers mean.

        `answers`: by source and probe (`answer_key`), one to each of `batches`;
        `times`: when the round was launched, started and finished.
        """
        launched, started, finished = times
        evidence = {n: evidence_of(a.source, a.probes, answers) for n, a in self.asked.items()}
        if self.fates:
            evidence = self.fates.beside(evidence, started)
        for name, a in self.asked.items():
            self.liveness.note(self.step, a.flow, a.target, evidence[name])
        heard = self._heard(evidence, answers, started)
        inside = self._said_inside(answers)
        judged = {
            n: self._judge(a, evidence[n], answers, heard, inside) for n, a in self.asked.items()
        }
        shown = {
            n: (*evidence[n], *self._controls_of(a, answers, started))
            for n, a in self.asked.items()
        }
        return RoundResult(
            launched=launched,
            started=started,
            finished=finished,
            judgements=judged,
            evidence=shown,
            remembered=any(self._is_remembered(n, judged[n], inside) for n in judged),
        )

    def completed(self, last: RoundResult) -> dict[str, tuple[Evidence, ...]]:
        """The evidence of the last round, with the records that came a moment after it."""
        if self.fates is None:
            return dict(last.evidence)
        return self.fates.completed(last.evidence, last.started)

    def batches(self) -> dict[ProbeSource, list[Probe]]:
        """What one round asks of whom: the flows' probes and their controls."""
        batches: dict[ProbeSource, list[Probe]] = {}
        for a in self.asked.values():
            batches.setdefault(a.source, []).extend(a.probes)
        for source, probes in batches.items():
            probes.append(self._self_control(source))
            probes += self._own(source).probes
        for control in self.controls.values():
            if control.beside:
                batches.setdefault(control.beside, []).extend(control.beside_probes)
        for probe, target in self.inside.items():
            batches.setdefault(target, []).append(probe)
        return batches

    def _self_control(self, source: ProbeSource) -> Probe:
        return self_control(source.source, timeout=self._timeout)

    def _own(self, source: ProbeSource) -> SourceControls:
        return self.controls.get(source.source.uid, SourceControls())

    def _heard(
        self,
        evidence: Mapping[str, tuple[Evidence, ...]],
        answers: Mapping[str, Answer],
        now: float,
    ) -> frozenset[_Way]:
        """Of the sources, and of the pods beside them: over what something has arrived."""
        heard: set[_Way] = set()
        found = [(a.source, _by_others(a, evidence[name])) for name, a in self.asked.items()]
        for source in {a.source for a in self.asked.values()}:
            own = self._own(source)
            found.append((source, evidence_of(source, own.probes, answers)))
            if own.beside:
                found.append((own.beside, evidence_of(own.beside, own.beside_probes, answers)))
        for source, said in found:
            families = self.liveness.note_sending(source.source, said, now, self.denial)
            heard |= {(source.source.uid, family) for family in families}
        return frozenset(heard)

    def _sending(self, a: PreparedFlow, heard: frozenset[_Way]) -> tuple[Sending, int]:
        """
        Whether the silence of a flow may be its policies': its source is known to send. With the
        family in which it is not, of two.
        """
        families = a.families
        for family in families:
            if (sending := self._sending_over(family, a, heard)) is not Sending.SHOWN:
                return sending, family if len(families) > 1 else 0
        return Sending.SHOWN, 0

    def _sending_over(self, family: int, a: PreparedFlow, heard: frozenset[_Way]) -> Sending:
        source, own = a.source.source, self._own(a.source)
        if (source.uid, family) in heard:
            return Sending.SHOWN
        if own.over(family, source) or self._let_through.get((source.uid, family), set()) - {
            a.name
        }:
            return Sending.NOT_HEARD
        if own.beside_over(family) and (own.beside_uid, family) not in heard:
            return Sending.NODE_NOT_HEARD
        if a.name not in self.foretold and not self.liveness.has_sent(source, family):
            return Sending.NEVER_SHOWN
        return Sending.SHOWN

    def _judge(
        self,
        a: PreparedFlow,
        evidence: tuple[Evidence, ...],
        answers: Mapping[str, Answer],
        heard: frozenset[_Way],
        inside: Mapping[Protocol, Mapping[str, Answer]],
    ) -> Judgement:
        expectation = a.flow.expect.for_engine(self.engine)
        sending, over = self._sending(a, heard)
        controls = Controls(
            source=answers.get(answer_key(a.source, self._self_control(a.source).key)),
            sending=sending,
            sending_over=over,
            alive=self.liveness.alive(a.flow, a.target, evidence, inside.get(a.flow.protocol, {}))
            if a.target
            else {},
            refusing=self.liveness.refusing(a.flow, evidence),
            dns_alive=self.liveness.dns_alive(),
            denial=self.denial,
            addresses=a.target.addresses if a.target else (),
            own_name=a.has_own_name,
        )
        return verdict.judge(a.flow, expectation, evidence, controls, a.problem)

    def _is_remembered(
        self, name: str, judged: Judgement, inside: Mapping[Protocol, Mapping[str, Answer]]
    ) -> bool:
        a = self.asked[name]
        closed = a.flow.expect.for_engine(self.engine).closed
        rests = closed and judged.verdict is Verdict.AS_EXPECTED and not judged.proven
        said = inside.get(a.flow.protocol, {})
        return bool(rests and a.target and self.liveness.remembered(a.flow, a.target, said))

    def _said_inside(self, answers: Mapping[str, Answer]) -> dict[Protocol, dict[str, Answer]]:
        """What targets have answered themselves, by protocol and `ip:port`."""
        said: dict[Protocol, dict[str, Answer]] = {}
        for probe, target in self.inside.items():
            answer = _of_address(probe, answers[answer_key(target, probe.key)])
            said.setdefault(probe.protocol, {})[socket_address(probe.address, probe.port)] = answer
        return said

    def _controls_of(
        self, a: PreparedFlow, answers: Mapping[str, Answer], now: float
    ) -> tuple[Evidence, ...]:
        """The controls of a flow that is expected to be closed, for the report."""
        if not a.flow.expect.for_engine(self.engine).closed:
            return ()
        control = self._self_control(a.source)
        answer = answers[answer_key(a.source, control.key)]
        own = self._own(a.source)
        if answer.outcome in (Outcome.OPEN, Outcome.REFUSED):
            proof = self.liveness.proof_of_sending(a.source.source, now, a.families)
            answer = replace(answer, detail="; ".join(filter(None, (proof, own.lacking))))
        itself = Evidence(role=control.role, subject=control.subject, answer=answer)
        sent = evidence_of(a.source, own.probes, answers)
        beside = evidence_of(own.beside, own.beside_probes, answers) if own.beside else ()
        return (itself, *sent, *beside)


def _by_others(a: PreparedFlow, found: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """What a source's own pod cannot have answered, as it may for a Service that it is behind."""
    own = a.target and any(pod.uid == a.source.source.uid for pod in a.target.pods)
    return tuple(e for e in found if not (own and e.role is Role.SERVICE))


def evidence_of(
    source: ProbeSource, probes: Iterable[Probe], answers: Mapping[str, Answer]
) -> tuple[Evidence, ...]:
    """What a source's probes have brought."""
    return tuple(
        Evidence(
            role=p.role,
            subject=p.subject,
            answer=_of_address(p, answers[answer_key(source, p.key)]),
            address=p.address,
            port=p.port,
        )
        for p in probes
    )


def _of_address(probe: Probe, answer: Answer) -> Answer:
    """
    What an address did. A DNS server's port is asked by a look-up: any answer opens it.
    """
    if probe.role is Role.NAME:
        return answer
    outcome = _AS_ADDRESS.get(answer.outcome)
    return replace(answer, outcome=outcome) if outcome else answer
