"""Names outside the cluster are resolved where they are asked from, and remembered."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from npol.judge.controls import Controls
from npol.judge.verdict import judge
from npol.model.expectation import Expectation, Outcome, Verdict, Word, parse_expectation
from npol.model.inventory import Inventory
from npol.model.probe import Answer, PodRef, ProbeKind, Role
from npol.model.reason import ReasonCode
from npol.model.result import Evidence
from npol.model.story import Flow
from npol.model.target import Target
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.from_inventory import cluster_state
from npol.run.environment import RunEnvironment
from npol.run.predictor import Predictor
from npol.run.prepared_flow import PreparedFlow
from npol.run.source_names import MOST, SourceNames
from npol.story import read_story

STORY = b"""\
version: 1
peers:
  client: {namespace: shop, labels: {app: client}}
  api: {host: api.example.com}
steps:
  - name: s
    flows:
      - {name: allowed, from: client, to: api, port: 443, expect: allow}
      - {name: denied, from: client, to: api, port: 443, expect: deny}
"""
V4, V6 = "192.0.2.1", "2001:db8::1"
GONE = "192.0.2.7"


class Resolver:
    """A source whose DNS answers with these addresses by family, or not at all."""

    def __init__(self, *, v4=(), v6=(), uid="u", other_ips=("fd00::1",)):
        self.by_family = {4: v4, 6: v6}
        self.source = PodRef(
            namespace="shop", name="client", uid=uid, ip="10.0.0.1", other_ips=other_ips
        )
        self.asked = []

    def ask(self, probes, *, deadline):
        self.asked += probes
        return {p.key: self.answer(p) for p in probes}

    def answer(self, probe):
        found = self.by_family[probe.family]
        outcome = Outcome.OPEN if found else Outcome.DNS_TIMEOUT
        return Answer(key=probe.key, outcome=outcome, addresses=tuple(found))


@pytest.fixture
def story(tmp_path):
    return read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))


@pytest.fixture
def flow(story) -> Flow:
    return story.steps[0].flows[0]


@pytest.fixture
def denied(story) -> Flow:
    return story.steps[0].flows[1]


def prepared(flow, source):
    target = Target(label="api", port=443, name="api.example.com.", resolved_at_source=True)
    return PreparedFlow(flow=flow, source=source, target=target, timeout=1.0)


def addresses(names, flow, source):
    """What is asked of a flow once its name is resolved."""
    (one,) = names.resolved({flow.name: prepared(flow, source)}, "calico").values()
    return [b.ip for b in one.target.backends], one


def test_every_address_of_both_families_is_asked_beside_the_name(flow):
    found, one = addresses(SourceNames(), flow, Resolver(v4=[V4, "192.0.2.2"], v6=[V6]))

    assert found == [V4, "192.0.2.2", V6]
    asked = [(p.kind, p.role, p.address) for p in one.probes]
    assert [(k, r) for k, r, _ in asked[:2]] == [(ProbeKind.DNS, Role.NAME)] * 2
    assert asked[2:] == [(ProbeKind.CONNECT, Role.HOST, address) for address in found]


def test_a_source_of_one_family_is_not_asked_for_the_other(flow):
    assert addresses(SourceNames(), flow, Resolver(v4=[V4], v6=[V6], other_ips=()))[0] == [V4]


def test_a_name_is_looked_up_once_for_all_flows_of_a_source(flow, denied):
    source = Resolver(v4=[V4])
    names = SourceNames()
    names.resolved({f.name: prepared(f, source) for f in (flow, denied)}, "calico")

    assert len(source.asked) == 2, "A and AAAA"


def test_where_dns_is_cut_off_the_addresses_from_before_are_asked(denied):
    names, source = SourceNames(), Resolver(v4=[V4])
    addresses(names, denied, source)
    source.by_family[4] = ()

    found, one = addresses(names, denied, source)
    assert (found, one.problem) == ([V4], None)


def test_sources_resolve_each_for_itself(flow):
    names = SourceNames()
    assert addresses(names, flow, Resolver(v4=[V4], uid="a"))[0] == [V4]
    assert addresses(names, flow, Resolver(v4=["198.51.100.1"], uid="b"))[0] == ["198.51.100.1"]


def test_of_a_name_with_ever_new_addresses_so_many_are_remembered(flow):
    names, source = SourceNames(), Resolver()
    for number in range(MOST + 9):
        source.by_family[4] = [f"192.0.2.{number}"]
        found, _ = addresses(names, flow, source)

    assert len(found) == MOST
    assert f"192.0.2.{MOST + 8}" in found


@pytest.mark.parametrize(
    ("calico", "default"), [("deny", "allow"), ("allow", "deny")], ids=["denied", "allowed"]
)
def test_a_name_that_never_resolved_is_judged_by_what_the_engine_is_to_do(flow, calico, default):
    per_engine = {"calico": parse_expectation(calico)}
    expect = replace(parse_expectation(default), per_engine=per_engine)

    _, one = addresses(SourceNames(), replace(flow, expect=expect), Resolver())

    assert bool(one.problem) is (calico == "deny")


def test_a_name_that_never_resolved_denies_nothing(denied):
    _, one = addresses(SourceNames(), denied, Resolver())

    assert one.problem
    assert (one.problem.code, one.problem.subject) == (
        ReasonCode.NAME_NOT_RESOLVED,
        "api.example.com",
    )


def test_an_allow_fails_by_the_name_that_does_not_resolve(flow):
    _, one = addresses(SourceNames(), flow, Resolver())
    name = Answer(key="n", outcome=Outcome.DNS_TIMEOUT)
    evidence = [Evidence(role=Role.NAME, subject="name", answer=name)]

    judged = judge(flow, Expectation(Word.ALLOW), evidence, Controls(), one.problem)
    assert (judged.verdict, judged.outcome) == (Verdict.TOO_CLOSED, Outcome.DNS_TIMEOUT)


def test_a_name_that_resolves_by_now_says_nothing_without_its_addresses(flow):
    name = Answer(key="n", outcome=Outcome.OPEN, addresses=(V4,))
    evidence = [Evidence(role=Role.NAME, subject="name", answer=name)]

    judged = judge(flow, Expectation(Word.ALLOW), evidence, Controls())
    assert judged.verdict is Verdict.UNKNOWN
    assert judged.reason
    assert judged.reason.code is ReasonCode.NOTHING_TO_ASK


@pytest.mark.parametrize(
    ("expect", "resolved", "verdict"),
    [
        pytest.param("allow", (V4,), Verdict.AS_EXPECTED, id="it-has-moved"),
        pytest.param("allow", (V4, GONE), Verdict.TOO_CLOSED, id="it-has-both"),
        pytest.param("allow", ("203.0.113.9",), Verdict.TOO_CLOSED, id="it-has-another-one"),
        pytest.param("deny", (V4,), Verdict.TOO_OPEN, id="denied-and-open"),
    ],
)
def test_an_application_asks_the_addresses_that_a_name_has_by_now(flow, expect, resolved, verdict):
    name = Answer(key="n", outcome=Outcome.OPEN, addresses=resolved)
    evidence = [Evidence(role=Role.NAME, subject="name", answer=name)]
    for address, outcome in ((V4, Outcome.OPEN), (GONE, Outcome.TIMEOUT)):
        answer = Answer(key=address, outcome=outcome)
        evidence.append(Evidence(role=Role.HOST, subject="h", answer=answer, address=address))

    assert judge(flow, parse_expectation(expect), evidence, Controls()).verdict is verdict


@pytest.mark.parametrize(
    ("resolved", "word"),
    [((), "unknown"), ((V4,), "allow"), (("198.51.100.1",), "deny"), ((V4, "198.51.100.1"), None)],
    ids=["not-resolved", "in-the-block", "outside-it", "some-and-some"],
)
def test_predictions_use_what_was_resolved(story, flow, resolved, word):
    block = {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
    dns = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    policy = {
        "metadata": {"name": "out", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [block, dns]},
    }
    spaces = ({"metadata": {"name": "shop"}},)
    state = cluster_state(Inventory(namespaces=spaces, policies=(policy,)))

    found = Predictor(state, story, "calico").predict(flow, addresses=resolved)
    assert found.decision.value == (word or "unknown")


@pytest.mark.parametrize(
    ("told", "domain"), [("k8s.internal", "k8s.internal"), ("", "cluster.local")]
)
def test_a_run_takes_the_cluster_s_domain_from_its_sources(told, domain):
    run: Any = SimpleNamespace(
        _sources=SimpleNamespace(objects_beside=(), cluster_domain=told),
        _applied=SimpleNamespace(state=lambda *_: ClusterState()),
        story=None,
    )

    assert RunEnvironment.state(run, Inventory()).domain == domain
