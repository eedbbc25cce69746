"""Flows over both IP families: what is asked, and what a difference between them comes to."""

from dataclasses import replace

import pytest

from npol.errors import Position
from npol.judge.controls import Controls
from npol.judge.probes import probes_of
from npol.judge.targets import resolve
from npol.judge.verdict import judge
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.inventory import Inventory
from npol.model.probe import Answer, PodRef, Role
from npol.model.reason import ReasonCode
from npol.model.result import Evidence
from npol.model.story import Flow, Peer
from npol.model.target import Backend, Target
from npol.policy.state.from_inventory import cluster_state
from npol.report.reasons import reason_words

HERE = Position("story.npol.yaml", 1, 1)
FOUR, SIX = ("10.96.0.7", "10.244.1.2"), ("fd00:10:96::7", "fd00:10:244:1::2")
POD = PodRef(namespace="shop", name="web-1", uid="u", ip=FOUR[1], other_ips=(SIX[1],))
TARGET = Target(
    label="web:80/tcp",
    port=80,
    name="web.shop.svc.cluster.local.",
    cluster_ips=(FOUR[0], SIX[0]),
    backends=tuple(Backend(ip=ip, port=8080, pod=POD) for ip in POD.ips),
)


def flow(expect="allow", **kwargs):
    expectation = parse_expectation(expect)
    return Flow(name="f", at=HERE, source="a", target="web", port=80, expect=expectation, **kwargs)


def judged(expect, four, six, *, names=("open", "open"), resolved=(FOUR[0], SIX[0])):
    """The verdict on a flow whose IPv4 addresses all do `four`, and its IPv6 ones `six`."""
    outcomes = {**dict.fromkeys(FOUR, four), **dict.fromkeys(SIX, six)}
    looked_up = iter(zip(names, resolved, strict=True))
    found = []
    for probe in probes_of(flow(expect), TARGET, timeout=1.0):
        addresses: tuple[str, ...] = ()
        if probe.role is Role.NAME:
            word, address = next(looked_up)
            addresses = (address,) if address else ()
        else:
            word = outcomes[probe.address]
        answer = Answer(key=probe.key, outcome=Outcome(word), addresses=addresses)
        found.append(
            Evidence(role=probe.role, subject=probe.subject, answer=answer, address=probe.address)
        )
    alive = {e.subject: "open before" for e in found}
    source = Answer(key="self", outcome=Outcome.REFUSED)
    controls = Controls(source=source, alive=alive, addresses=TARGET.addresses)
    return judge(flow(), parse_expectation(expect), found, controls)


def test_a_service_is_asked_at_every_address_and_its_name_in_each_family():
    probes = probes_of(flow(), TARGET, timeout=1.0)
    assert [p.family for p in probes if p.role is Role.NAME] == [4, 6]
    assert [p.address for p in probes if p.role is Role.SERVICE] == [FOUR[0], SIX[0]]
    assert [p.address for p in probes if p.role is Role.POD] == [FOUR[1], SIX[1]]
    assert len({p.key for p in probes}) == len(probes)
    assert probes[-1].subject == "pod web-1 [fd00:10:244:1::2]:8080"


@pytest.mark.parametrize(
    ("expect", "four", "six", "verdict", "code"),
    [
        pytest.param("allow", "open", "open", Verdict.AS_EXPECTED, None, id="allow"),
        pytest.param(
            "allow", "open", "timeout", Verdict.TOO_CLOSED, ReasonCode.ONE_FAMILY_CLOSED, id="six"
        ),
        pytest.param(
            "allow", "timeout", "open", Verdict.TOO_CLOSED, ReasonCode.ONE_FAMILY_CLOSED, id="four"
        ),
        pytest.param(
            "allow", "timeout", "timeout", Verdict.TOO_CLOSED, ReasonCode.CLOSED, id="closed"
        ),
        pytest.param("deny", "timeout", "timeout", Verdict.AS_EXPECTED, None, id="deny"),
        pytest.param(
            "deny", "timeout", "open", Verdict.TOO_OPEN, ReasonCode.ONE_FAMILY_OPEN, id="six-open"
        ),
        pytest.param(
            "deny", "open", "timeout", Verdict.TOO_OPEN, ReasonCode.ONE_FAMILY_OPEN, id="four-open"
        ),
        pytest.param("deny", "open", "open", Verdict.TOO_OPEN, ReasonCode.OPEN, id="both-open"),
        pytest.param(
            "deny", "timeout", "refused", Verdict.UNKNOWN, ReasonCode.NOT_SILENT, id="not-silent"
        ),
        pytest.param("refused", "refused", "refused", Verdict.AS_EXPECTED, None, id="refused"),
    ],
)
def test_a_flow_is_as_its_worse_family_is(expect, four, six, verdict, code):
    judgement = judged(expect, four, six)
    assert judgement.verdict is verdict
    assert (judgement.reason.code if judgement.reason else None) is code


def test_the_reason_says_which_family_and_which_address():
    reason = judged("allow", "open", "timeout").reason
    assert reason_words(reason) == (
        "closed over IPv6, open over IPv4; ClusterIP [fd00:10:96::7]:80: timeout, "
        "pod web-1 [fd00:10:244:1::2]:8080: timeout"
    )


def test_an_address_that_only_aaaa_answers_is_compared_with_the_service():
    judgement = judged("allow", "open", "open", resolved=(FOUR[0], "fd00::bad"))
    assert judgement.verdict is Verdict.WRONG_ANSWER
    assert "fd00::bad" in reason_words(judgement.reason)


def test_a_service_without_its_aaaa_record_is_not_open():
    judgement = judged(
        "allow", "open", "open", names=("open", "dns negative"), resolved=(FOUR[0], "")
    )
    assert judgement.verdict is Verdict.TOO_CLOSED


def test_a_name_that_is_answered_in_one_family_is_not_cut():
    names = ("dns timeout", "open")
    assert judged("dns timeout", "open", "open", names=names).verdict is Verdict.TOO_OPEN


def test_a_source_of_one_family_is_asked_for_that_family_only():
    source = replace(POD, name="old", other_ips=())
    seen = TARGET.seen_from(source)
    assert (seen.families, seen.cluster_ips) == ((4,), (FOUR[0],))
    assert [b.ip for b in seen.backends] == [FOUR[1]]
    assert TARGET.seen_from(POD) is TARGET


def test_a_target_that_has_no_family_of_the_source_says_so():
    source = replace(POD, name="old", other_ips=())
    only_six = replace(TARGET, cluster_ips=(SIX[0],), backends=TARGET.backends[1:])
    assert reason_words(only_six.seen_from(source).problem) == (
        "web:80/tcp has IPv6 only, and shop/old has IPv4"
    )


def test_pods_are_resolved_with_all_their_addresses():
    pod = {
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "labels": {"app": "web"}},
        "spec": {"nodeName": "n1"},
        "status": {
            "phase": "Running",
            "podIP": FOUR[1],
            "podIPs": [{"ip": FOUR[1]}, {"ip": SIX[1]}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    spaces = ({"metadata": {"name": "shop"}},)
    state = cluster_state(
        Inventory(namespaces=spaces, pods=(pod,), services=(), slices=(), nodes=())
    )
    peer = Peer(name="web", at=HERE, namespace="shop", labels={"app": "web"})
    target = resolve(flow(), peer, state)
    assert [b.ip for b in target.backends] == [FOUR[1], SIX[1]]
    assert [p.name for p in target.pods] == ["web-1"]


@pytest.mark.parametrize(
    ("cluster_ips", "nodes"),
    [
        pytest.param([FOUR[0]], ["10.0.0.1"], id="single-stack"),
        pytest.param([FOUR[0], SIX[0]], ["10.0.0.1", "fd00::1"], id="dual-stack"),
    ],
)
def test_nodes_answer_from_outside_in_the_families_of_the_service(cluster_ips, nodes):
    addresses = [{"type": "InternalIP", "address": a} for a in ("10.0.0.1", "fd00::1")]
    node = {"metadata": {"name": "n1"}, "status": {"addresses": addresses}}
    ports = [{"port": 80, "nodePort": 30080}]
    spec = {"type": "NodePort", "clusterIP": cluster_ips[0], "clusterIPs": cluster_ips}
    service = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {**spec, "ports": ports}}
    spaces = ({"metadata": {"name": "shop"}},)
    state = cluster_state(
        Inventory(namespaces=spaces, pods=(), services=(service,), slices=(), nodes=(node,))
    )
    peer = Peer(name="web", at=HERE, namespace="shop", service="web")
    target = resolve(flow(), peer, state, from_outside=True)
    assert [b.ip for b in target.backends] == nodes
