"""A source is heard over each IP family: what one carries says nothing of the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from npol.judge.controls import SILENCE
from npol.judge.liveness import LivenessRecord
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.probe import Answer, PodRef, Probe, ProbeKind, Role, family_of
from npol.model.story import Flow, Protocol
from npol.model.target import Backend, Target
from npol.report.reasons import reason_words
from npol.run.prepared_flow import PreparedFlow, asked_inside
from npol.run.probe_batches import answer_key
from npol.run.rounds import Rounds
from npol.run.source_controls import SourceControls, beside_probes
from tests.judge.lying_world import HERE, TIMEOUT, Asker


def pod(name, *ips):
    return PodRef(
        namespace="shop", name=name, uid=f"uid-{name}", ip=ips[0], other_ips=ips[1:], ready=True
    )


CLIENT = Asker(pod("client", "10.1.0.1", "fd00::1"))
BESIDE = Asker(pod("beside", "10.1.0.2", "fd00::2"))
OTHER_NODE = pod("elsewhere", "10.1.3.2", "fd00:3::2")
WEB, DB = pod("web", "10.1.1.0", "fd00:1::"), pod("db", "10.1.2.0", "fd00:2::")


def prepared(name, expect, target):
    backends = tuple(Backend(ip=ip, port=80, pod=target) for ip in target.ips)
    flow = Flow(
        name=name,
        at=HERE,
        source="client",
        target=target.name,
        port=80,
        expect=parse_expectation(expect),
    )
    resolved = Target(label=target.name, port=80, backends=backends)
    return PreparedFlow(flow=flow, source=CLIENT, target=resolved, timeout=TIMEOUT)


def beside(family):
    others = (BESIDE.source, OTHER_NODE)
    servers = ("",) if family == 4 else ()
    return beside_probes(BESIDE.source, others, timeout=TIMEOUT, family=family, servers=servers)


FROM_BESIDE = SourceControls(beside=BESIDE, beside_probes=(*beside(4), *beside(6)))
LET_THROUGH = prepared("open", "allow", DB)
CONTROLS = pytest.mark.parametrize(
    ("controls", "flows", "mute"),
    [
        pytest.param(SourceControls(), [LET_THROUGH], CLIENT, id="a flow shows it"),
        pytest.param(FROM_BESIDE, [], BESIDE, id="the pod beside it shows it"),
    ],
)


def judged(controls, flows, mute, silent, opens=None):
    """The verdict of a deny while `mute` sends over all families but `silent`, and to `opens`."""
    asked = {one.name: one for one in (prepared("closed", "deny", WEB), *flows)}
    liveness = LivenessRecord()
    inside = {
        probe: Asker(target)
        for probe, target in asked_inside(asked["closed"], "calico", liveness).items()
    }
    rounds = Rounds(
        step="closed",
        engine="calico",
        asked=asked,
        liveness=liveness,
        pool=ThreadPoolExecutor(max_workers=1),
        denial=SILENCE,
        inside=inside,
        let_through={one.name for one in flows},
        foretold=set(asked),
        controls={CLIENT.source.uid: controls},
    )
    answers = {
        answer_key(asker, p.key): Answer(
            key=p.key,
            outcome=Outcome.OPEN if p.address == opens else outcome(asker, p, mute, silent),
        )
        for asker, probes in rounds.batches().items()
        for p in probes
    }
    result = rounds.judged(answers, (0.0, 0.0, 1.0))
    return result.judgements["closed"], result.evidence["closed"]


def outcome(asker, probe: Probe, mute, silent):
    if probe.role in (Role.SELF, Role.ALIVE):
        return Outcome.OPEN
    if asker is mute and family_of(probe.address or asker.source.ip) == silent:
        return Outcome.TIMEOUT
    return Outcome.TIMEOUT if probe.address in WEB.ips else Outcome.OPEN


@CONTROLS
def test_a_source_that_sends_over_both_families_is_believed(controls, flows, mute):
    judgement, evidence = judged(controls, flows, mute, silent=None)

    (itself,) = (e.answer for e in evidence if e.role is Role.SELF)
    assert judgement.verdict is Verdict.AS_EXPECTED
    assert ("over IPv4 it can send: " in itself.detail) is bool(flows)


@pytest.mark.parametrize("silent", [4, 6])
@CONTROLS
def test_what_one_family_carries_says_nothing_of_the_other(controls, flows, mute, silent):
    judgement, _ = judged(controls, flows, mute, silent)

    assert judgement.verdict is Verdict.UNKNOWN
    assert reason_words(judgement.reason).startswith(f"over IPv{silent} nothing ")


def test_a_service_that_the_source_itself_is_behind_shows_nothing():
    """Its address may have led back to the source, over no network."""
    name, own = "10.96.0.7", Backend(ip="10.1.0.1", port=80, pod=CLIENT.source)
    others = tuple(Backend(ip=ip, port=80, pod=WEB) for ip in WEB.ips)
    behind = Target(label="all", port=80, cluster_ips=(name,), backends=(own, *others))
    to_itself = replace(prepared("itself", "deny", DB), target=behind)

    judgement, _ = judged(SourceControls(), [to_itself, LET_THROUGH], CLIENT, silent=4, opens=name)

    assert judgement.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("resolved", "verdict"),
    [pytest.param(True, Verdict.AS_EXPECTED), pytest.param(False, Verdict.UNKNOWN)],
)
def test_the_pod_beside_it_shows_that_the_cluster_s_dns_answers(resolved, verdict):
    """A story that cuts DNS off, and never sees a name resolve."""
    flow = Flow(
        name="closed",
        at=HERE,
        source="client",
        resolve="web.shop",
        protocol=Protocol.UDP,
        expect=parse_expectation("deny"),
    )
    names = ("web.shop.svc.cluster.local.",)
    asked = PreparedFlow(flow=flow, source=CLIENT, target=None, timeout=TIMEOUT, looked_up=names)
    rounds = Rounds(
        step="closed",
        engine="calico",
        asked={"closed": asked},
        liveness=LivenessRecord(),
        pool=ThreadPoolExecutor(max_workers=1),
        denial=SILENCE,
        foretold={"closed"},
        controls={CLIENT.source.uid: SourceControls(beside=BESIDE, beside_probes=beside(4))},
    )
    told = Answer(key="", outcome=Outcome.OPEN, addresses=("10.96.0.1",))
    answers = {
        answer_key(asker, p.key): Answer(key=p.key, outcome=silent(p))
        if not (resolved and p.role is Role.BESIDE and p.kind is ProbeKind.DNS)
        else told
        for asker, probes in rounds.batches().items()
        for p in probes
    }

    result = rounds.judged(answers, (0.0, 0.0, 1.0))

    assert result.judgements["closed"].verdict is verdict


def silent(probe):
    """Names do not resolve; the rest is as it is where a pod of a node is heard."""
    return Outcome.DNS_TIMEOUT if probe.kind is ProbeKind.DNS else Outcome.REFUSED
