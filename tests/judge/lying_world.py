"""
A small world whose network lies: one source, some endpoints behind a Service, and a clock that
is a number. Rounds, judge and settling are the real ones; no packet is sent, nobody sleeps.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from npol.errors import Position
from npol.flow_records.line import LostRecords, RecordLine
from npol.flow_records.store import RecordStore
from npol.judge.controls import SILENCE
from npol.judge.flow_track import Settled
from npol.judge.known_ends import KnownEnd
from npol.judge.liveness import LivenessRecord
from npol.judge.probes import lookup_control
from npol.judge.sample import Patience
from npol.judge.settle import Settling
from npol.judge.state_changes import differences
from npol.judge.witnesses import agreeing
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.flow_record import (
    FlowRecord,
    ObservationPoint,
    RecordDirection,
    RecordedEnd,
    RecordVerdict,
)
from npol.model.inventory import Inventory
from npol.model.prediction import PredictedDecision
from npol.model.probe import Answer, PodRef, Probe, Role
from npol.model.result import Evidence
from npol.model.story import Flow, Protocol
from npol.model.target import Backend, Target
from npol.run.prepared_flow import PreparedFlow, asked_inside
from npol.run.probe_batches import ProbeSource, answer_key
from npol.run.probe_records import ProbeRecords
from npol.run.rounds import RoundResult, Rounds
from npol.run.source_controls import SourceControls, beside_probes

HERE = Position("world.npol.yaml", 1, 1)
WITHIN, QUIET, TIMEOUT, QUICK = 30.0, 1.0, 2.0, 0.02
UNKNOWN = PredictedDecision.UNKNOWN
MAIN, WITNESS = "main", "witness"


@dataclass(frozen=True, slots=True)
class Window:
    """While something is so, in seconds since the beginning of the story's last step."""

    start: float
    end: float

    def __contains__(self, now: float) -> bool:
        return self.start <= now < self.end


NEVER = Window(math.inf, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFaults:
    """How the data plane's records come; what they say is what the network did."""

    late: float = 0.005
    """Seconds after its packet that a record comes."""
    jitter: tuple[float, ...] = (0.0,)
    """Added in turns, so that records overtake each other."""
    lost: int = 0
    """Every so many records is lost; 1 is all of them, 0 is none."""
    loss_told: bool = False
    doubled: bool = False
    foreign: bool = False
    """Whether somebody else probes between the same ends, and fares otherwise."""
    old_labels: Window = NEVER
    """While records name the source by labels that it has no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Two steps: what the policies mean to each endpoint before and after, and every lie."""

    before: tuple[bool, ...]
    """Whether each endpoint may be reached in the first step, which nothing lies in."""
    after: tuple[bool, ...]
    expect: str
    """Of the last step: `allow` or `deny`."""
    service: bool = True
    foretold: bool = True
    witness: bool = False
    """Whether the source has another flow, which every policy allows."""
    delays: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Seconds after which each endpoint enforces the last step."""
    silent: Window = NEVER
    """While the source cannot send across the network."""
    dead: Window = NEVER
    """While the first endpoint answers nobody, itself included."""
    node: bool = False
    """Whether it is the source's whole node that cannot send then."""
    beside: bool = False
    """Whether a pod that no policy selects runs beside the source."""
    proven: bool = True
    """Whether the policies of the first step let look-ups of the source through."""
    starved: Sequence[Window] = ()
    """While the source's probes are errors."""
    foreign: float = math.inf
    """When somebody else makes a policy that turns every endpoint's fate round."""
    records: RecordFaults | None = None
    """None: nobody tells any."""

    @property
    def prediction(self) -> PredictedDecision:
        if not self.foretold or len(set(self.after)) > 1:
            return UNKNOWN
        return PredictedDecision.ALLOW if self.after[0] else PredictedDecision.DENY

    @property
    def enforced(self) -> tuple[bool, ...]:
        """What the network does in the end."""
        ends = zip(self.before, self.after, self.delays, strict=False)
        return tuple(old if delay == math.inf else new for old, new, delay in ends)

    @property
    def holds(self) -> bool:
        """Whether the policies mean what is expected, and the network does in the end."""
        wanted = self.expect == "allow"
        return all(x is wanted for x in (*self.after, *self.enforced))

    def passes(self, endpoint: int, now: float) -> bool:
        if self.dead.start <= now < self.dead.end and endpoint == 0:
            return False
        return self.lets_through(endpoint, now)

    def lets_through(self, endpoint: int, now: float) -> bool:
        """Whether policies do; a dead endpoint gets the packet, too."""
        meant = (self.after if now >= self.delays[endpoint] else self.before)[endpoint]
        return meant is not (now >= self.foreign)

    def inventory(self, now: float) -> Inventory:
        """What the API server shows."""
        named = {"name": "theirs", "namespace": "shop", "uid": "theirs"}
        theirs = ({"metadata": named, "spec": {"podSelector": {}}},)
        return Inventory(policies=theirs if now >= self.foreign else ())


@dataclass(slots=True, eq=False)
class Asker:
    """Who asks; what is answered is the network's affair."""

    source: PodRef

    def ask(self, probes: Sequence[Probe], *, deadline: float) -> Mapping[str, Answer]:
        raise AssertionError("the world answers")

    def asked_from(self, source_port: int) -> Probe | None:
        """Rounds are answered as a whole: nothing is under way when a record comes."""

    def end(self, source_ports: Collection[int]) -> None: ...


def pod(name: str, ip: str) -> PodRef:
    return PodRef(namespace="shop", name=name, uid=f"uid-{name}", ip=ip, ready=True)


SOURCE = Asker(pod("client", "10.1.0.1"))
BESIDE = Asker(pod("beside", "10.1.0.2"))
_POOL = ThreadPoolExecutor(max_workers=1)
"""No thread of it is ever started."""


@dataclass(slots=True)
class Told:
    """The last step's final word, and how long it took."""

    settled: Settled
    seconds: float
    evidence: tuple[Evidence, ...]
    foreign: Sequence[str] = ()
    """What somebody else has changed in the step."""

    @property
    def verdict(self) -> Verdict:
        return Verdict.INVALID if self.foreign else self.settled.judgement.verdict


@dataclass(slots=True)
class Teller:
    """Tells a world's two steps as `npol run` does: rounds until all is final."""

    world: World
    liveness: LivenessRecord = field(default_factory=LivenessRecord)
    seen: dict[str, Any] = field(default_factory=dict)
    told: ToldRecords | None = None

    def __post_init__(self) -> None:
        if self.world.records:
            self.told = ToldRecords(self.world.records)

    def tell(self) -> Told:
        first = "allow" if all(self.world.before) else "deny"
        self._step("first", first, -100.0, changed=False)
        told = self._step("last", self.world.expect, 0.0, changed=True)
        began, ended = (self.world.inventory(now) for now in (0.0, told.seconds))
        return replace(told, foreign=differences(began, ended, ()))

    def _step(self, name: str, expect: str, start: float, *, changed: bool) -> Told:
        asked = {f.flow.name: f for f in self._flows(expect)}
        foretold = self._foretold(changed=changed)
        inside: dict[Probe, ProbeSource] = {
            probe: Asker(found)
            for one in asked.values()
            for probe, found in asked_inside(one, "calico", self.liveness).items()
        }
        rounds = Rounds(
            step=name,
            engine="calico",
            asked=asked,
            liveness=self.liveness,
            pool=_POOL,
            denial=SILENCE,
            inside=inside,
            let_through={f for f in asked if foretold[f] is PredictedDecision.ALLOW},
            foretold={f for f in asked if foretold[f] is not UNKNOWN},
            controls={SOURCE.source.uid: self._controls(changed=changed)},
            records=self.told.of_probes if self.told else None,
        )
        patience = Patience(
            started=start, changed_at=start if changed else None, within=WITHIN, quiet=QUIET
        )
        settling = Settling(
            {flow: self.seen.get(flow) for flow in asked},
            patience,
            {flow: agreeing(p, SILENCE) for flow, p in foretold.items()},
        )
        return self._settle(rounds, settling)

    def _foretold(self, *, changed: bool) -> dict[str, PredictedDecision]:
        main = self.world.prediction if changed else UNKNOWN
        return {MAIN: main, WITNESS: PredictedDecision.ALLOW}

    def _controls(self, *, changed: bool) -> SourceControls:
        if not changed and self.world.proven:
            return SourceControls(probes=(lookup_control(Role.SENDS, "name", timeout=TIMEOUT),))
        if not (changed and self.world.beside) or self.world.witness:
            return SourceControls()
        probes = beside_probes(BESIDE.source, (), timeout=TIMEOUT)
        return SourceControls(beside=BESIDE, beside_probes=probes)

    def _flows(self, expect: str) -> list[PreparedFlow]:
        count = len(self.world.after)
        flows = [_prepared(MAIN, expect, _target("web", 1, count, service=self.world.service))]
        if self.world.witness:
            flows.append(_prepared(WITNESS, "allow", _target("db", 2, 1, service=False)))
        return flows

    def _settle(self, rounds: Rounds, settling: Settling) -> Told:
        now = settling.patience.started
        running: list[tuple[float, float, dict[str, Answer]]] = []
        last: RoundResult | None = None
        while not settling.done(now) or last is None:
            if settling.may_launch(now):
                settling.launch(now)
                answers = self._answers(rounds, now)
                heapq.heappush(running, (now + self._duration(answers), now, answers))
            now = self._next(settling, running, now)
            while running and running[0][0] <= now:
                finished, launched, answers = heapq.heappop(running)
                if self.told:
                    self.told.deliver(finished)
                last = rounds.judged(answers, (launched, launched, finished))
                settling.record(launched, finished, last.judgements)
        final = settling.results()
        for flow, one in final.items():
            self.seen[flow] = (one.judgement.outcome, one.judgement.status)
        return Told(final[MAIN], now - settling.patience.started, last.evidence[MAIN])

    def _next(self, settling: Settling, running: list[Any], now: float) -> float:
        soon = [settling.next_launch(), settling.patience.quiet_until]
        return min([t for t in (*soon, *(r[0] for r in running[:1])) if t > now], default=now + 0.2)

    def _answers(self, rounds: Rounds, now: float) -> dict[str, Answer]:
        return {
            answer_key(asker, p.key): self._answer(p, now)
            for asker, probes in rounds.batches().items()
            for p in probes
        }

    def _answer(self, probe: Probe, now: float) -> Answer:
        outcome = self._outcome(probe, now)
        known = probe.role is Role.NAME and outcome is Outcome.OPEN
        port = self._told(probe, outcome, now)
        return Answer(
            key=probe.key,
            outcome=outcome,
            addresses=("10.96.0.1",) if known else (),
            source_port=port,
            ended_early=bool(self.told and port in self.told.ends_early),
        )

    def _told(self, probe: Probe, outcome: Outcome, now: float) -> int | None:
        """The source port of a probe that records may tell of; they are under way by then."""
        if self.told is None or probe.role not in (Role.SERVICE, Role.POD, Role.HOST):
            return None
        if outcome is Outcome.ERROR or now in self.world.silent:
            return self.told.unseen()
        other = probe.address.startswith("10.1.2.")
        endpoint = 0 if other else self._endpoint(probe, now)
        passed = other or self.world.lets_through(endpoint, now)
        return self.told.tell(f"10.1.{2 if other else 1}.{endpoint}", now, passed=passed)

    def _duration(self, answers: Mapping[str, Answer]) -> float:
        """Until the last answer; one that a record ends comes with the record."""
        waits = [_wait(a, self.told.ends_early if self.told else {}) for a in answers.values()]
        return max(waits, default=QUICK)

    def _outcome(self, probe: Probe, now: float) -> Outcome:
        world = self.world
        if probe.role is Role.ALIVE:
            dead = now in world.dead and probe.address == "10.1.1.0"
            return Outcome.TIMEOUT if dead else Outcome.OPEN
        if probe.role is Role.BESIDE:
            return Outcome.DNS_TIMEOUT if world.node and now in world.silent else Outcome.OPEN
        if any(now in window for window in world.starved):
            return Outcome.ERROR
        if probe.role is Role.SELF:
            return Outcome.REFUSED
        if now in world.silent:
            named = probe.role in (Role.NAME, Role.SENDS)
            return Outcome.DNS_TIMEOUT if named else Outcome.TIMEOUT
        if probe.role in (Role.NAME, Role.SENDS) or probe.address.startswith("10.1.2."):
            return Outcome.OPEN
        return Outcome.OPEN if world.passes(self._endpoint(probe, now), now) else Outcome.TIMEOUT

    def _endpoint(self, probe: Probe, now: float) -> int:
        """The pod that was asked, or any of those behind the Service."""
        if probe.role is Role.SERVICE:
            return int(now * 5) % len(self.world.after)
        return int(probe.address.rpartition(".")[2])


def _wait(answer: Answer, ends_early: Mapping[int | None, float]) -> float:
    if answer.outcome not in (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT):
        return QUICK
    return ends_early.get(answer.source_port, TIMEOUT)


class ToldRecords:
    """Truthful records of a world's packets, on their way and as they came."""

    def __init__(self, faults: RecordFaults) -> None:
        self.ends_early: dict[int | None, float] = {}
        """Source port of a probe that is ended by its record -> seconds after its start."""
        self._faults = faults
        self._clock = -1000.0
        self._store = RecordStore(now=lambda: self._clock)
        known = {
            f"10.1.{net}.{i}": KnownEnd(node=f"n{net}", labels={"app": name})
            for net, name in enumerate(("client", "web", "db"))
            for i in range(4)
        }
        self.of_probes = ProbeRecords(records=self._store, known=known)
        self._coming: list[tuple[float, int, RecordLine]] = []
        self._port, self._number, self._serial = 20000, 0, itertools.count()

    def unseen(self) -> int:
        """The port of a probe that nobody sees."""
        self._port += 1
        return self._port

    def tell(self, target: str, now: float, *, passed: bool) -> int:
        """Have the records of one packet come; its source port."""
        port, faults = self.unseen(), self._faults
        old = now in faults.old_labels
        came = self._send(_packet(target, port, now, passed=passed, old=old), now)
        if faults.foreign:
            self._send(_packet(target, port + 30000, now, passed=not passed, old=False), now)
        if came is not None and not passed and not old and came < TIMEOUT:
            self.ends_early[port] = came
        return port

    def deliver(self, until: float) -> None:
        """Everything that has come by then."""
        while self._coming and self._coming[0][0] <= until:
            self._clock, _, line = heapq.heappop(self._coming)
            self._store.add(line)

    def _send(self, record: FlowRecord, now: float) -> float | None:
        """Seconds after which it comes; None if it is lost."""
        faults, self._number = self._faults, self._number + 1
        delay = faults.late + faults.jitter[self._number % len(faults.jitter)]
        if faults.lost and self._number % faults.lost == 0:
            if faults.loss_told:
                self._come(now + delay, LostRecords(source="HUBBLE_RING_BUFFER", count=1))
            return None
        self._come(now + delay, record)
        if faults.doubled:
            self._come(now + 2 * delay, record)
        return delay

    def _come(self, at: float, line: RecordLine) -> None:
        heapq.heappush(self._coming, (at, next(self._serial), line))


def _packet(target: str, port: int, now: float, *, passed: bool, old: bool) -> FlowRecord:
    """As the target's node tells it."""
    verdict = RecordVerdict.FORWARDED if passed else RecordVerdict.DROPPED_BY_POLICY
    name = "db" if target.startswith("10.1.2.") else "web"
    return FlowRecord(
        time=now,
        verdict=verdict,
        point=ObservationPoint.POLICY_VERDICT,
        direction=RecordDirection.INGRESS,
        source=RecordedEnd(
            address="10.1.0.1", port=port, labels={"app": "old" if old else "client"}
        ),
        target=RecordedEnd(address=target, port=80, labels={"app": name}),
        protocol=Protocol.TCP,
        node="n2" if name == "db" else "n1",
        first=True,
    )


def _prepared(name: str, expect: str, target: Target) -> PreparedFlow:
    flow = Flow(
        name=name,
        at=HERE,
        source="client",
        target=target.label,
        port=80,
        expect=parse_expectation(expect),
    )
    return PreparedFlow(flow=flow, source=SOURCE, target=target, timeout=TIMEOUT)


def _target(name: str, net: int, count: int, *, service: bool) -> Target:
    pods = [pod(f"{name}-{i}", f"10.1.{net}.{i}") for i in range(count)]
    return Target(
        label=name,
        port=80,
        name=f"{name}.shop.svc.cluster.local." if service else "",
        cluster_ips=("10.96.0.1",) if service else (),
        backends=tuple(Backend(ip=p.ip, port=80, pod=p) for p in pods),
    )
