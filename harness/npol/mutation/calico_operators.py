"""Small mistakes in one of Calico's own policies: another action, another order, no rule."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import replace

from npol.mutation.mutant import Mutant
from npol.policy.objects.calico_types import DEFAULT_TIER, CalicoPolicy, CalicoRule
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import RuleAction
from npol.policy.parse.parse_calico_rules import WORDS

_ACTIONS = (RuleAction.ACCEPT, RuleAction.DENY, RuleAction.PASS)


def calico_mutants(policy: CalicoPolicy, others: Collection[CalicoPolicy] = ()) -> Iterator[Mutant]:
    """
    The policy removed; moved before and behind its neighbours; each rule removed, and with each
    other action. A rule that only logs decides nothing, and stays.

    `others`: the policies beside it; those of its tier are what it can be moved past.
    """
    yield Mutant(policy=policy, becomes=None, what="policy removed", origin=policy.origin)
    yield from _moved(policy, {p.order for p in others if p.tier == policy.tier})
    for direction in Direction:
        for rule in policy.rules(direction):
            for changed, what in _changed(policy, rule):
                becomes = _with(policy, rule, changed)
                yield Mutant(policy=policy, becomes=becomes, what=what, origin=rule.origin)


def _moved(policy: CalicoPolicy, taken: Collection[float]) -> Iterator[Mutant]:
    """Past the next order on each side; nothing is behind those without one."""
    before = max((n for n in taken if n < policy.order), default=None)
    behind = min((n for n in taken if policy.order < n < math.inf), default=None)
    for past, order in ((before, _less(before)), (behind, _more(behind))):
        if past is not None and order is not None:
            side = "before" if past is before else "behind"
            becomes = replace(policy, order=order)
            what = f"{policy.rank} moved to {order:g}, {side} {past:g}"
            yield Mutant(policy=policy, becomes=becomes, what=what, origin=policy.origin)


def _less(order: float | None) -> float | None:
    return None if order is None else order - 0.5


def _more(order: float | None) -> float | None:
    return None if order is None else order + 0.5


def _changed(policy: CalicoPolicy, rule: CalicoRule) -> Iterator[tuple[CalicoRule | None, str]]:
    """In the default tier an Allow is not passed on: what nothing behind it denies is open."""
    if rule.action is RuleAction.LOG:
        return
    yield None, "rule removed"
    for action in () if rule.asks else _ACTIONS:
        opens = rule.action is RuleAction.ACCEPT and policy.tier == DEFAULT_TIER
        if action is not rule.action and not (opens and action is RuleAction.PASS):
            what = f"action {WORDS[rule.action]} became {WORDS[action]}"
            yield replace(rule, action=action), what


def _with(policy: CalicoPolicy, rule: CalicoRule, changed: CalicoRule | None) -> CalicoPolicy:
    """The policy with a rule replaced, or without it."""
    kept = [changed if r is rule else r for r in policy.rules(rule.direction)]
    rules = tuple(r for r in kept if r is not None)
    if rule.direction is Direction.INGRESS:
        return replace(policy, ingress=rules)
    return replace(policy, egress=rules)
