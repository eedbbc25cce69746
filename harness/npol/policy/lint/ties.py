"""Policies of one tier and one rank: what was written does not say which comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import RuleAction, TierPolicy

_Ranked = TypeVar("_Ranked", TierPolicy, CalicoPolicy)


def ties(
    policies: Sequence[_Ranked], meet: Callable[[_Ranked, _Ranked], bool], outcome: str
) -> Iterator[LintFinding]:
    """
    Each policy once; those of another directory may be for another cluster.

    `meet`: whether two may select the same pod; `outcome`: what comes of a tie.
    """
    before: dict[tuple[str, str], list[_Ranked]] = {}
    for other in policies:
        alike = before.setdefault((other.tier_name, other.rank), [])
        tied = [one for one in alike if _differ(one, other) and meet(one, other)]
        alike.append(other)
        if tied:
            place = other.origin.directory
            one = next((t for t in tied if t.origin.directory == place), tied[0])
            message = f"it has {one.rank}, as {one} ({one.origin}) has: {outcome}"
            fix = "give one of them another"
            found = finding_at(LintRule.PRIORITY_TIE, message, fix, other, other.origin)
            yield replace(found, harmless=one.origin.directory != place)


def _differ(one: TierPolicy | CalicoPolicy, other: TierPolicy | CalicoPolicy) -> bool:
    """Whether the order may matter in a direction that both have rules for."""
    for direction in Direction:
        actions = [{rule.action for rule in p.rules(direction)} for p in (one, other)]
        deciding = [found - {RuleAction.LOG} for found in actions]
        if all(deciding) and len(deciding[0] | deciding[1]) > 1:
            return True
    return False
