"""Mistakes in Cilium's own policies: what they are called, that flows notice them, and as text."""

from __future__ import annotations

from npol.mutation.cilium_operators import cilium_mutants
from npol.mutation.score import mutate
from npol.policy.objects.cilium_types import CiliumPolicy
from npol.policy.objects.dialects import CILIUM
from npol.policy.parse.object_source import sources
from npol.policy.parse.parse_cilium import parse_cilium_policy
from npol.policy.parse.serialize import cilium_body_of
from tests.policy.cilium_cases import FROM_Z, TCP_80, cnp, on_a, own_kind, ports
from tests.policy.stories import step, story

GUARD = cnp("guard", on_a(f"ingress: [{{fromEntities: [all]}}], ingressDeny: [{{{FROM_Z}}}]"))
PORT = f"{{{FROM_Z}, {ports(TCP_80)}}}"
OUT = 'egress: [{}], egressDeny: [{toCIDR: ["::/0"]}]'
TWO = own_kind(
    "CiliumNetworkPolicy",
    "name: two, namespace: x",
    f"specs: [{on_a(f'ingress: [{PORT}]')}, {on_a(OUT)}]",
)


def read(body):
    return parse_cilium_policy(next(sources([body]))).policy


def test_each_rule_is_removed_and_turned_and_each_default():
    assert [m.what for m in cilium_mutants(read(GUARD))] == [
        "policy removed",
        "enableDefaultDeny ingress became false",
        "rule removed",
        "deny became allow",
        "rule removed",
        "allow became deny",
    ]


def test_flows_notice_what_changes():
    told = story(step("before", "far -> b:8080"), step("cilium", "far -> a:80 deny", apply=[GUARD]))
    found = {r.mutant.what: bool(r.noticed_by) for r in mutate(told, CILIUM).results}

    assert found["policy removed"]
    assert found["deny became allow"]
    assert not found["enableDefaultDeny ingress became false"]


def test_a_changed_policy_is_written_as_it_is_read():
    for mutant in (m for body in (GUARD, TWO) for m in cilium_mutants(read(body)) if m.becomes):
        body = GUARD if mutant.policy.name == "guard" else TWO
        assert isinstance(mutant.becomes, CiliumPolicy)

        again = read(cilium_body_of(mutant.becomes, body))

        assert _said(again) == _said(mutant.becomes), mutant.what


def _said(policy):
    """What a policy says, wherever it stands."""
    return [
        (
            section.selector,
            section.isolates,
            sorted(
                (
                    rule.direction.value,
                    rule.denies,
                    str([(p.endpoints, p.entity, p.block) for p in rule.peers or ()]),
                    str(rule.ports and [*map(str, rule.ports)]),
                )
                for rule in section.rules
            ),
        )
        for section in policy.sections
    ]
