"""One round: every flow of a step asked at once, each source in one exec, then judged."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from npol.judge import verdict
from npol.judge.liveness import LivenessRecord
from npol.judge.probes import alive_control, probes_of, self_control
from npol.model.expectation import Outcome, Word
from npol.model.probe import Answer, PodRef, Probe, Role
from npol.model.result import Evidence, Judgement
from npol.model.sentence import NOTHING, Sentence
from npol.model.story import Flow, FlowKind
from npol.model.target import Target

GRACE = 5.0
"""Seconds beyond its probes' own deadlines that a source may take to answer a round."""


class ProbeSource(Protocol):
    """A source that probes can be asked from (`npol.probe.prober.Prober`)."""

    source: PodRef

    def ask(self, probes: Sequence[Probe], *, deadline: float) -> Mapping[str, Answer]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedFlow:
    """One flow, ready to be asked: whom, where to, and what is expected."""

    flow: Flow
    source: ProbeSource
    target: Target | None
    timeout: float
    resolve_as: str = ""
    """The fully qualified name of a DNS flow."""

    @property
    def probes(self) -> tuple[Probe, ...]:
        flow = replace(self.flow, resolve=self.resolve_as) if self.resolve_as else self.flow
        return probes_of(flow, self.target, timeout=self.timeout)

    @property
    def problem(self) -> Sentence:
        return self.target.problem if self.target else NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """What one round saw, by flow name."""

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
    inside: Mapping[str, ProbeSource] = field(default_factory=dict)
    """`ip:port` of targets that are asked from inside, because nothing else shows they live."""
    _probes: Mapping[str, tuple[Probe, ...]] = field(init=False)
    """By flow name; the same in every round."""
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
        answers = self._ask_all()
        evidence = {name: self._evidence(name, answers) for name in self.asked}
        for name, a in self.asked.items():
            self.liveness.note(self.step, a.flow, a.target, evidence[name])
        judged = {n: self._judge(a, evidence[n], answers) for n, a in self.asked.items()}
        shown = {n: (*evidence[n], *self._shown(a, answers)) for n, a in self.asked.items()}
        return RoundResult(
            launched=launched,
            started=started,
            finished=time.monotonic(),
            judgements=judged,
            evidence=shown,
        )

    def _ask_all(self) -> dict[str, Answer]:
        """All answers by source and probe key: one `ask` per source, side by side."""
        batches: dict[ProbeSource, list[Probe]] = {}
        for name, a in self.asked.items():
            probes = batches.setdefault(a.source, [])
            probes += self._probes[name]
        for source, probes in batches.items():
            probes.append(self._self_control(source))
        for backend, target in self.inside.items():
            batches.setdefault(target, []).append(self._inside(backend))
        with ThreadPoolExecutor(max_workers=max(1, len(batches))) as pool:
            replies = pool.map(lambda batch: (batch[0], _ask(*batch)), batches.items())
            return {
                _key(source, key): answer
                for source, reply in replies
                for key, answer in reply.items()
            }

    def _self_control(self, source: ProbeSource) -> Probe:
        return self_control(source.source, timeout=self._timeout)

    def _inside(self, backend: str) -> Probe:
        targets = (a.target for a in self.asked.values() if a.target)
        found = next(b for t in targets for b in t.backends if str(b) == backend)
        return alive_control(found, timeout=self._timeout)

    def _evidence(self, name: str, answers: Mapping[str, Answer]) -> tuple[Evidence, ...]:
        source = self.asked[name].source
        return tuple(
            Evidence(
                role=p.role,
                subject=p.subject,
                answer=_of_address(p, answers[_key(source, p.key)]),
                address=p.address,
                port=p.port,
            )
            for p in self._probes[name]
        )

    def _judge(
        self, a: PreparedFlow, evidence: tuple[Evidence, ...], answers: Mapping[str, Answer]
    ) -> Judgement:
        expectation = a.flow.expect.for_engine(self.engine)
        controls = verdict.Controls(
            source=answers.get(_key(a.source, self._self_control(a.source).key)),
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
            backend: answers[_key(target, f"alive {backend}")]
            for backend, target in self.inside.items()
        }
        return self.liveness.alive(a.flow, a.target, evidence, itself)

    def _shown(self, a: PreparedFlow, answers: Mapping[str, Answer]) -> tuple[Evidence, ...]:
        """The controls of a flow that is expected to be closed, for the report."""
        if not a.flow.expect.for_engine(self.engine).closed:
            return ()
        control = self._self_control(a.source)
        answer = answers[_key(a.source, control.key)]
        return (Evidence(role=control.role, subject=control.subject, answer=answer),)


def _key(source: ProbeSource, probe_key: str) -> str:
    return f"{source.source.uid}|{probe_key}"


def _of_address(probe: Probe, answer: Answer) -> Answer:
    """
    What an address did. A DNS server's port is asked by a look-up: any answer opens it.
    """
    if probe.role is Role.NAME:
        return answer
    as_address = {Outcome.DNS_TIMEOUT: Outcome.TIMEOUT, Outcome.DNS_NEGATIVE: Outcome.OPEN}
    return replace(answer, outcome=as_address.get(answer.outcome, answer.outcome))


def _ask(source: ProbeSource, probes: list[Probe]) -> Mapping[str, Answer]:
    unique = list({p.key: p for p in probes}.values())
    longest = max(p.timeout for p in unique)
    return source.ask(unique, deadline=2 * longest + GRACE)


def needs_inside(asked: PreparedFlow, engine: str, liveness: LivenessRecord) -> tuple[str, ...]:
    """`ip:port` of the targets that a deny has no other proof of life for."""
    closed = asked.flow.expect.for_engine(engine)
    if not asked.target or closed.word in (Word.ALLOW, Word.HTTP):
        return ()
    if asked.flow.kind is FlowKind.DNS:
        return ()
    return tuple(str(b) for b in liveness.unknown(asked.flow, asked.target))
