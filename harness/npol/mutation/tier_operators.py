"""Small mistakes in a policy of a tier: another action, another place in the order, no rule."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from npol.mutation.mutant import Mutant
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import RuleAction, TierPolicy, TierRule
from npol.policy.parse.parse_tiers import HIGHEST_PRIORITY, action_words


def tier_mutants(policy: TierPolicy, others: Collection[TierPolicy] = ()) -> Iterator[Mutant]:
    """
    The policy removed; moved before and behind its neighbours; each rule removed, and with each
    other action that its kind knows.

    `others`: the policies beside it; those of its tier are what it can be moved past.
    """
    yield Mutant(policy=policy, becomes=None, what="policy removed", origin=policy.origin)
    yield from _moved(policy, [p for p in others if p.tier is policy.tier])
    for direction in Direction:
        for rule in policy.rules(direction):
            for changed, what in _changed(policy, rule):
                becomes = _with(policy, rule, changed)
                yield Mutant(policy=policy, becomes=becomes, what=what, origin=rule.origin)


def _moved(policy: TierPolicy, others: Collection[TierPolicy]) -> Iterator[Mutant]:
    """To the nearest priority that nobody has, past the next policy of its tier on each side."""
    if policy.kind not in HIGHEST_PRIORITY:
        return
    taken = {p.priority for p in others}
    before = max((n for n in taken if n < policy.priority), default=None)
    behind = min((n for n in taken if n > policy.priority), default=None)
    free = [n for n in range(HIGHEST_PRIORITY[policy.kind] + 1) if n not in taken]
    earlier = max((n for n in free if before is not None and n < before), default=None)
    later = min((n for n in free if behind is not None and n > behind), default=None)
    for priority, past in ((earlier, before), (later, behind)):
        if priority is not None:
            side = "before" if priority < policy.priority else "behind"
            names = ", ".join(sorted(p.name for p in others if p.priority == past))
            what = f"priority {policy.priority} moved to {priority}, {side} {names}"
            becomes = replace(policy, priority=priority)
            yield Mutant(policy=policy, becomes=becomes, what=what, origin=policy.origin)


def _changed(policy: TierPolicy, rule: TierRule) -> Iterator[tuple[TierRule | None, str]]:
    yield None, "rule removed"
    words = action_words(policy.kind)
    for action in RuleAction:
        if action is not rule.action and action in words:
            what = f"action {words[rule.action]} became {words[action]}"
            yield replace(rule, action=action), what


def _with(policy: TierPolicy, rule: TierRule, changed: TierRule | None) -> TierPolicy:
    """The policy with a rule replaced, or without it."""
    kept = [changed if r is rule else r for r in policy.rules(rule.direction)]
    rules = tuple(r for r in kept if r is not None)
    if rule.direction is Direction.INGRESS:
        return replace(policy, ingress=rules)
    return replace(policy, egress=rules)
