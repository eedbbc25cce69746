"""A round beside a stream of records: no wait for what is dropped, and what came is judged."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from npol.errors import Position
from npol.flow_records.store import RecordStore
from npol.judge.controls import SILENCE
from npol.judge.flow_track import Settled
from npol.judge.known_ends import KnownEnd
from npol.judge.liveness import LivenessRecord
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.flow_record import RecordVerdict
from npol.model.packet_fate import Fate
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.probe import Answer, PodRef, Probe, ProbeKind, Role
from npol.model.reason import ReasonCode
from npol.model.result import Witnesses
from npol.model.story import Flow
from npol.model.target import Backend, Target
from npol.report.reasons import reason_words
from npol.run.flow_result import flow_result
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_records import ProbeRecords
from npol.run.rounds import Rounds
from tests.judge.test_packet_fate import DROP, IN, KNOWN, LEFT, PASS

CLIENT = PodRef(namespace="shop", name="client", uid="c", ip="10.1.0.1", node="n1")
WEB = PodRef(namespace="shop", name="web", uid="w", ip="10.1.1.1", node="n2", ready=True)
SERVICE = Target(
    label="web",
    port=80,
    cluster_ips=("10.96.0.1",),
    backends=(Backend(ip=WEB.ip, port=80, pod=WEB),),
)
PORTS = {Role.SERVICE: 20001, Role.POD: 20002}
WITHIN = 20.0


class Source:
    """Its probes leave from `PORTS`, and are silent until they are ended, or answer at once."""

    source = CLIENT

    def __init__(self, outcome=Outcome.TIMEOUT):
        self.outcome = outcome
        self.under_way = {}
        self.asking, self.over = threading.Event(), threading.Condition()
        self.ended = []

    def ask(self, probes, *, deadline):
        marked = {PORTS[p.role]: p for p in probes if p.role in PORTS}
        if self.outcome is Outcome.TIMEOUT:
            self.under_way = marked
            self.asking.set()
            with self.over:
                assert self.over.wait_for(lambda: len(self.ended) == len(PORTS), WITHIN)
        self.asking.set()
        answers = {
            p.key: Answer(
                key=p.key,
                outcome=self.outcome,
                source_port=port,
                ended_early=port in self.ended,
            )
            for port, p in marked.items()
        }
        return {p.key: Answer(key=p.key, outcome=Outcome.REFUSED) for p in probes} | answers

    def asked_from(self, source_port):
        return self.under_way.get(source_port)

    def end(self, source_ports):
        with self.over:
            self.ended += [p for p in source_ports if p not in self.ended]
            self.over.notify_all()


def flow(expect: str) -> Flow:
    at = Position("s.npol.yaml", 1, 1)
    expected = parse_expectation(expect)
    return Flow(name="f", at=at, source="client", target="web", port=80, expect=expected)


def from_port(port, record=DROP):
    return replace(record, source=replace(record.source, port=port))


@pytest.fixture
def begin():
    pool = ThreadPoolExecutor(max_workers=1)

    def make(source, expect="deny", known=KNOWN):
        store = RecordStore()
        one = PreparedFlow(flow=flow(expect), source=source, target=SERVICE, timeout=2.0)
        rounds = Rounds(
            step="s",
            engine="cilium",
            asked={"f": one},
            liveness=LivenessRecord(),
            pool=pool,
            denial=SILENCE,
            records=ProbeRecords(records=store, known=known),
        )
        return rounds, store

    yield make
    pool.shutdown()


def test_what_is_dropped_by_policy_is_not_waited_for(begin):
    source = Source()
    rounds, store = begin(source)

    future = rounds.launch(0.0)
    assert source.asking.wait(WITHIN)
    store.add(from_port(20002))
    store.add(from_port(20001))
    result = future.result(WITHIN)

    assert source.ended == [20002, 20001]
    judgement = result.judgements["f"]
    assert (judgement.verdict, judgement.proven) == (Verdict.AS_EXPECTED, True)
    assert [e.fate.fate for e in result.evidence["f"][:2]] == [Fate.DROPPED_BY_POLICY] * 2


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(from_port(20009), id="another-port"),
        pytest.param(
            replace(from_port(20001), target=replace(DROP.target, port=81)), id="another-target"
        ),
        pytest.param(
            replace(from_port(20001), source=replace(DROP.source, port=20001, labels={"app": "x"})),
            id="old-labels",
        ),
        pytest.param(from_port(20001, LEFT), id="forwarded"),
        pytest.param(
            from_port(20001, replace(DROP, verdict=RecordVerdict.DROPPED_OTHERWISE)),
            id="dropped-otherwise",
        ),
    ],
)
def test_nothing_is_ended_by_a_record_that_proves_nothing(begin, other):
    source = Source()
    rounds, store = begin(source)

    future = rounds.launch(0.0)
    assert source.asking.wait(WITHIN)
    store.add(other)
    assert source.ended == []
    store.add(from_port(20001))
    store.add(from_port(20002))

    assert future.result(WITHIN).judgements["f"].proven


def test_a_refusal_is_a_policys_if_its_record_comes_a_moment_later(begin):
    source = Source(Outcome.REFUSED)
    rounds, store = begin(source)

    future = rounds.launch(0.0)
    assert source.asking.wait(WITHIN)
    store.add(from_port(20001))
    store.add(from_port(20002))
    judgement = future.result(WITHIN).judgements["f"]

    assert (judgement.verdict, judgement.proven) == (Verdict.AS_EXPECTED, True)


def test_policies_that_only_audit_are_said_to_enforce_nothing_with_the_settings_name(
    begin, monkeypatch
):
    """Of an open flow, whose record comes a moment after its answer."""
    rounds, store = begin(Source(Outcome.OPEN))
    audited = replace(DROP, verdict=RecordVerdict.AUDITED, policies=(IN,), reason="")

    def come(self, done, *_):
        assert not done()
        for port in PORTS.values():
            store.add(from_port(port, audited))
        assert done()

    monkeypatch.setattr(ProbeRecords, "wait", come)
    judgement = rounds.launch(0.0).result(WITHIN).judgements["f"]

    assert (judgement.verdict, judgement.decided) == (Verdict.TOO_OPEN, True)
    assert judgement.reason.code is ReasonCode.NOT_ENFORCED
    assert reason_words(judgement.reason).endswith(
        "policies deny it (ClusterNetworkPolicy in) and let it pass: policy audit mode is on "
        "(policy-audit-mode, Helm: policyAuditMode)"
    )


def test_names_that_come_after_the_last_round_are_in_its_evidence(begin):
    rounds, store = begin(Source(Outcome.OPEN), expect="allow")
    last = rounds.launch(0.0).result(WITHIN)
    assert [e.fate.policies for e in last.evidence["f"]] == [(), ()]

    for port in PORTS.values():
        store.add(from_port(port, replace(PASS, policies=(IN,))))

    assert [e.fate.policies for e in rounds.completed(last)["f"]] == [(IN,), (IN,)]


def test_a_silence_that_was_not_waited_for_needs_its_proof(begin):
    """Another record may come after the end: some packets dropped, a later one not."""
    source = Source()
    rounds, store = begin(source)
    future = rounds.launch(0.0)
    assert source.asking.wait(WITHIN)

    store.add(from_port(20001))
    store.add(from_port(20001, PASS))
    store.add(from_port(20002))
    judgement = future.result(WITHIN).judgements["f"]

    assert (judgement.proven, judgement.decided) == (False, False)


def test_a_packet_that_vanishes_between_nodes_that_tell_of_others_is_lost(begin):
    """The Service's probe is seen on both nodes, the pod's on none."""
    source = Source(Outcome.TIMEOUT)
    source.ended = list(PORTS.values())
    rounds, store = begin(source)
    answers = source.ask([*rounds.asked["f"].probes], deadline=1.0)
    for record in (LEFT, PASS):
        store.add(from_port(20001, record))

    evidence = rounds.judged(
        {f"c|{key}": answer for key, answer in answers.items()}
        | {"c|self 10.1.0.1": Answer(key="self", outcome=Outcome.REFUSED)},
        (0.0, 0.0, 1.0),
    ).evidence["f"]

    assert [e.fate.fate for e in evidence[:2]] == [Fate.ARRIVED, Fate.LOST_ON_THE_WAY]


def test_a_host_network_pod_is_never_said_to_have_lost_a_packet(begin):
    known = {**KNOWN, WEB.ip: KnownEnd(node="n2", host_network=True)}
    rounds, _ = begin(Source(), known=known)
    asked = rounds.asked["f"]
    (probe,) = [p for p in asked.probes if p.role is Role.POD]

    assert not rounds.records.watched(asked, probe, {"n1", "n2"}, 0.0)


def test_a_proof_that_comes_after_the_last_round_is_a_proof(begin):
    source = Source()
    source.ended = list(PORTS.values())  # silent, and nobody told why in time
    rounds, store = begin(source)
    last = rounds.launch(0.0).result(WITHIN)
    assert not last.judgements["f"].proven
    for port in PORTS.values():
        store.add(from_port(port))

    settled = Settled(
        judgement=last.judgements["f"],
        witnesses=Witnesses.AGREE,
        rounds=2,
        enforced_after=None,
        settled_after=1.0,
        evidence=rounds.completed(last)["f"],
    )
    result = flow_result(
        rounds.asked["f"],
        step="s",
        engine="cilium",
        settled=settled,
        prediction=Prediction(decision=PredictedDecision.DENY),
        budget=None,
    )

    assert result.proof == settled.evidence[0].fate
    assert (result.proof.direction.value, result.proof.node) == ("ingress", "n2")


class Wget(Source):
    """Its tool chooses its ports by itself."""

    def ask(self, probes, *, deadline):
        return {p.key: Answer(key=p.key, outcome=Outcome.OPEN, tool="wget") for p in probes}


def test_a_probe_from_a_port_that_nobody_chose_is_unmarked_and_not_waited_for(begin, monkeypatch):
    rounds, store = begin(Wget(), expect="allow")
    store.add(from_port(20001))
    last = rounds.launch(0.0).result(WITHIN)
    waited = []
    monkeypatch.setattr(ProbeRecords, "wait", lambda self, done, *_: waited.append(done()))

    found = rounds.completed(last)["f"]

    assert {e.fate.fate for e in found} == {Fate.UNMARKED}
    assert last.judgements["f"].verdict is Verdict.AS_EXPECTED
    assert waited == [True]


def test_a_ping_is_found_by_its_identifier():
    store = RecordStore()
    ping = Probe(key="p", kind=ProbeKind.PING, address=WEB.ip, role=Role.POD)
    told = from_port(20001, replace(DROP, protocol=None, target=replace(DROP.target, port=0)))
    store.add(told)
    answer = Answer(key="p", outcome=Outcome.TIMEOUT, source_port=20001)
    asked = PreparedFlow(flow=flow("deny"), source=Source(), target=None, timeout=2.0)

    fate = ProbeRecords(records=store, known=KNOWN).fate(asked, ping, 20001, 0.0, answer)

    assert fate.fate is Fate.DROPPED_BY_POLICY
