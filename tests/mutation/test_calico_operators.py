"""Mistakes in Calico's own policies: what they are called, that flows notice them, and as text."""

from __future__ import annotations

from npol.mutation.calico_operators import calico_mutants
from npol.mutation.score import mutate
from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.dialects import CALICO
from npol.policy.parse.object_source import sources
from npol.policy.parse.parse_calico import parse_calico_policy
from npol.policy.parse.serialize import calico_body_of
from tests.policy.calico_cases import at, np
from tests.policy.stories import step, story

RULES = (
    "{action: Log}, {action: Deny, source: {namespaceSelector: team == 'blue'}}, {action: Allow}"
)
GUARD = np(f"{{order: 10, selector: app == 'a', ingress: [{RULES}]}}", name="guard")


def read(body):
    return parse_calico_policy(next(sources([body]))).policy


def test_each_rule_is_removed_and_has_each_other_action_and_the_order_moves():
    others = [read(at(5, "Allow", "first")), read(at(20, "Allow", "last"))]

    assert [m.what for m in calico_mutants(read(GUARD), others)] == [
        "policy removed",
        "order 10 moved to 4.5, before 5",
        "order 10 moved to 20.5, behind 20",
        "rule removed",
        "action Deny became Allow",
        "action Deny became Pass",
        "rule removed",
        "action Allow became Deny",
    ]


def test_flows_notice_what_changes():
    told = story(step("before", "far -> b:8080"), step("calico", "far -> a:80 deny", apply=[GUARD]))
    found = {r.mutant.what: bool(r.noticed_by) for r in mutate(told, CALICO).results}

    assert found["policy removed"]
    assert found["action Deny became Allow"]
    assert found["action Deny became Pass"]
    assert not found["action Allow became Deny"]


def test_a_mutant_as_text_is_read_as_the_mutant():
    policy = read(GUARD)

    for mutant in calico_mutants(policy, [read(at(5, "Allow", "first"))]):
        if isinstance(mutant.becomes, CalicoPolicy):
            again = read(calico_body_of(mutant.becomes, GUARD))
            actions = [rule.action for rule in mutant.becomes.ingress]
            assert [rule.action for rule in again.ingress] == actions
            assert (again.order, again.directions) == (mutant.becomes.order, policy.directions)
