"""One round: every flow of a step asked at once, each source in one exec, then judged."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from npol.judge import verdict
from npol.judge.liveness import LivenessRecord
from npol.judge.probes import self_control
from npol.model.expectation import Outcome
from npol.model.probe import Answer, Probe, Role
from npol.model.result import Evidence, Judgement
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_batches import ProbeSource, answer_key, ask_all


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """What one round saw, by the names of the prepared flows."""

    launched: float
    """When the round was asked for: no sample of it is older."""
    started: float
    finished: float
    judgements: Mapping[str, Judgement]
    evidence: Mapping[str, tuple[Evidence, ...]]


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
    _probes: Mapping[str, tuple[Probe, ...]] = field(init=False)
    """By the name of a prepared flow; the same in every round."""
    _timeout: float = field(init=False)
    """Of the controls."""

    def __post_init__(self) -> None:
        self._probes = {name: a.probes for name, a in self.asked.items()}
        self._timeout = max((a.timeout for a in self.asked.values()), default=2.0)

    def launch(self, now: float) -> Future[RoundResult]:
        """One round over all flows, in the background."""
        return self.pool.submit(self._round, now)

    def _round(self, launched: float) -> RoundResult:
        started = time.monotonic()
        answers = ask_all(self.batches())
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
        evidence = {name: self._evidence(name, answers) for name in self.asked}
        for name, a in self.asked.items():
            self.liveness.note(self.step, a.flow, a.target, evidence[name])
        mute = self._mute(evidence, started)
        judged = {n: self._judge(a, evidence[n], answers, mute) for n, a in self.asked.items()}
        shown = {
            n: (*evidence[n], *self._shown(a, answers, started)) for n, a in self.asked.items()
        }
        return RoundResult(
            launched=launched,
            started=started,
            finished=finished,
            judgements=judged,
            evidence=shown,
        )

    def batches(self) -> dict[ProbeSource, list[Probe]]:
        """What one round asks of whom: the flows' probes and their controls."""
        batches: dict[ProbeSource, list[Probe]] = {}
        for name, a in self.asked.items():
            probes = batches.setdefault(a.source, [])
            probes += self._probes[name]
        for source, probes in batches.items():
            probes.append(self._self_control(source))
        for probe, target in self.inside.items():
            batches.setdefault(target, []).append(probe)
        return batches

    def _self_control(self, source: ProbeSource) -> Probe:
        return self_control(source.source, timeout=self._timeout)

    def _evidence(self, name: str, answers: Mapping[str, Answer]) -> tuple[Evidence, ...]:
        source = self.asked[name].source
        return tuple(
            Evidence(
                role=p.role,
                subject=p.subject,
                answer=_of_address(p, answers[answer_key(source, p.key)]),
                address=p.address,
                port=p.port,
            )
            for p in self._probes[name]
        )

    def _mute(self, evidence: Mapping[str, tuple[Evidence, ...]], now: float) -> frozenset[str]:
        """
        Uids of the sources of which nothing arrives, although the policies let something through.
        """
        heard: set[str] = set()
        for name, a in self.asked.items():
            if self.liveness.note_sending(a.source.source, evidence[name], now):
                heard.add(a.source.source.uid)
        may = {self.asked[n].source.source.uid for n in self.let_through if evidence.get(n)}
        return frozenset(may - heard)

    def _judge(
        self,
        a: PreparedFlow,
        evidence: tuple[Evidence, ...],
        answers: Mapping[str, Answer],
        mute: frozenset[str],
    ) -> Judgement:
        expectation = a.flow.expect.for_engine(self.engine)
        controls = verdict.Controls(
            source=answers.get(answer_key(a.source, self._self_control(a.source).key)),
            mute=a.source.source.uid in mute and a.name not in self.let_through,
            alive=self._alive(a, evidence, answers),
            refusing=self.liveness.refusing(a.flow, evidence),
            dns_alive=self.liveness.dns_alive(),
            denial=self.denial,
            addresses=a.target.addresses if a.target else (),
        )
        return verdict.judge(a.flow, expectation, evidence, controls, a.problem)

    def _alive(
        self, a: PreparedFlow, evidence: tuple[Evidence, ...], answers: Mapping[str, Answer]
    ) -> dict[str, str]:
        if a.target is None:
            return {}
        itself = {
            f"{probe.address}:{probe.port}": answers[answer_key(target, probe.key)]
            for probe, target in self.inside.items()
            if probe.protocol is a.flow.protocol
        }
        return self.liveness.alive(a.flow, a.target, evidence, itself)

    def _shown(
        self, a: PreparedFlow, answers: Mapping[str, Answer], now: float
    ) -> tuple[Evidence, ...]:
        """The controls of a flow that is expected to be closed, for the report."""
        if not a.flow.expect.for_engine(self.engine).closed:
            return ()
        control = self._self_control(a.source)
        answer = answers[answer_key(a.source, control.key)]
        if answer.outcome in (Outcome.OPEN, Outcome.REFUSED):
            proof = self.liveness.proof_of_sending(a.source.source, now)
            answer = replace(answer, detail=proof)
        return (Evidence(role=control.role, subject=control.subject, answer=answer),)


def _of_address(probe: Probe, answer: Answer) -> Answer:
    """
    What an address did. A DNS server's port is asked by a look-up: any answer opens it.
    """
    if probe.role is Role.NAME:
        return answer
    as_address = {Outcome.DNS_TIMEOUT: Outcome.TIMEOUT, Outcome.DNS_NEGATIVE: Outcome.OPEN}
    return replace(answer, outcome=as_address.get(answer.outcome, answer.outcome))
