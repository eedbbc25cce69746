"""Rules that an earlier one leaves nothing of, where the first that fits decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.objects.netpol_types import Origin


class _Placed(Protocol):
    @property
    def origin(self) -> Origin: ...


_Rule = TypeVar("_Rule", bound=_Placed)


def shadowed(
    policy: object, rules: Sequence[_Rule], covers: Callable[[_Rule, _Rule], bool]
) -> Iterator[LintFinding]:
    """`covers`: whether a rule surely decides whatever a later one would."""
    for later, rule in enumerate(rules):
        if first := next((r for r in rules[:later] if covers(r, rule)), None):
            message = f"never reached: {first.origin} fits all that this rule does"
            fix = "move it before that one, or drop it"
            yield finding_at(LintRule.TIER_SHADOWED, message, fix, policy, rule.origin)


def reached(rules: Sequence[_Rule], covers: Callable[[_Rule, _Rule], bool]) -> Iterator[_Rule]:
    """The rules that are not shadowed."""
    for later, rule in enumerate(rules):
        if not any(covers(first, rule) for first in rules[:later]):
            yield rule
