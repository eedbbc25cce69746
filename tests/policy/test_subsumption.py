"""What is called covered or superfluous can be taken away, and nothing changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from npol.policy.evaluate.evaluate import decide
from npol.policy.lint import lint
from npol.policy.lint.subsumption import covers_peers, covers_ports, covers_selector
from npol.policy.objects.dialects import CALICO
from npol.policy.objects.entities import Traffic
from npol.policy.objects.netpol_types import Direction
from npol.policy.parse.parse_policies import parse_policy
from npol.policy.state.apply_changes import build
from tests.examples import examples
from tests.policy.clusters import PORTS, clusters, objects
from tests.policy.clusters import rules as any_rule
from tests.policy.worlds import policy

QUICK = examples(20)


def _answers(world):
    return [
        decide(world, Traffic(source=s, target=t, port=port), CALICO).allowed
        for s in world.pods
        for t in world.pods
        for port in PORTS
    ]


@QUICK
@given(cluster=clusters(max_policies=6))
def test_policy_without_effect_can_be_taken_away(cluster):
    world = build(objects(cluster))
    gone = [f.subject for f in lint(cluster["policies"], world) if f.id == "NP051"]

    assert _answers(world.without_policies(gone)) == _answers(world)


@QUICK
@given(cluster=clusters(max_policies=6))
def test_shadowed_rules_can_be_taken_away_one_at_a_time(cluster):
    world = build(objects(cluster))
    for finding in lint(cluster["policies"], world):
        if finding.id == "NP050":
            owner = next(p for p in world.policies if str(p) == finding.subject)
            without = replace(
                owner,
                ingress=tuple(r for r in owner.ingress if r.origin.path != finding.path),
                egress=tuple(r for r in owner.egress if r.origin.path != finding.path),
            )
            assert _answers(world.with_policies([without])) == _answers(world)


@examples(40)
@given(
    cluster=clusters(max_policies=1),
    wide=any_rule("from"),
    narrow=any_rule("from"),
)
def test_covering_rule_allows_all_that_the_covered_one_allows(cluster, wide, narrow):
    one, two = (
        {**policy(name, "{policyTypes: [Ingress]}"), "spec": {"ingress": [rule]}}
        for name, rule in (("p", wide), ("p", narrow))
    )
    first, second = (parse_policy(p).policy.rules(Direction.INGRESS)[0] for p in (one, two))
    if covers_peers(first, second) and covers_ports(first, second):
        by_wide, by_narrow = (
            _answers(build(objects({**cluster, "policies": [p]}))) for p in (one, two)
        )
        assert all(w or not n for w, n in zip(by_wide, by_narrow, strict=True))


RULES = [
    ("{}", "{from: [{podSelector: {}}]}", True),
    ("{from: [{podSelector: {}}]}", "{}", False),
    ("{ports: [{port: 80}]}", "{}", False),
    ("{from: [{podSelector: {}}]}", "{from: [{namespaceSelector: {}}]}", False),
    ("{from: [{namespaceSelector: {}}]}", "{from: [{podSelector: {matchLabels: {a: b}}}]}", True),
    ("{from: [{podSelector: {}}]}", "{from: [{podSelector: {matchLabels: {a: b}}}]}", True),
    ("{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}", "{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}", True),
    ("{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.0/24]}}]}",
     "{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}", False),
    ("{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.0/24]}}]}",
     "{from: [{ipBlock: {cidr: 10.1.0.0/16, except: [10.1.2.0/23]}}]}", True),
    ("{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}", "{from: [{podSelector: {}}]}", False),
    ("{ports: [{port: 80, endPort: 90}]}", "{ports: [{port: 85}]}", True),
    ("{ports: [{port: 80, endPort: 90}]}", "{ports: [{port: 85, endPort: 91}]}", False),
    ("{ports: [{protocol: TCP}]}", "{ports: [{port: web}]}", True),
    ("{ports: [{port: 80}]}", "{ports: [{port: web}]}", False),
    ("{ports: [{port: 80}]}", "{ports: [{port: 80, protocol: UDP}]}", False),
]  # fmt: skip


@pytest.mark.parametrize(("wide", "narrow", "expected"), RULES)
def test_one_rule_covers_another_or_not(wide, narrow, expected):
    first, second = (
        parse_policy(policy("p", f"{{policyTypes: [Ingress], ingress: [{text}]}}")).policy.ingress[
            0
        ]
        for text in (wide, narrow)
    )
    assert (covers_peers(first, second) and covers_ports(first, second)) is expected


def test_fewer_requirements_cover_more():
    assert covers_selector({}, {"matchLabels": {"a": "b"}})
    assert not covers_selector({"matchLabels": {"a": "b"}}, {})
