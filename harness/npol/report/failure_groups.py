"""Failures of one cause, told together: one wrong line may fail many flows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from npol.errors import Position
from npol.model.causes import Cause
from npol.model.expectation import Verdict
from npol.model.reason import ReasonCode
from npol.model.result import CheckResult, Diagnosis, FlowResult
from npol.report.summary import Result

MOST_EXPLAINED = 10
"""Causes of a run that are explained one by one; of the others there is a count, or a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Results that fail for one reason, in the order of the story; never empty."""

    results: tuple[Result, ...]

    @classmethod
    def of(cls, result: Result) -> FailureGroup:
        """One failure by itself."""
        return cls(results=(result,))

    @property
    def first(self) -> Result:
        """The one that is explained in full."""
        return self.results[0]

    @property
    def guilty(self) -> Cause | None:
        """What is to blame, where the policies are."""
        return guilty(self.first)

    @property
    def at(self) -> Position | None:
        """The line to blame; None where no line is."""
        return self.guilty.at if self.guilty else None


def failure_groups(failed: Iterable[Result]) -> list[FailureGroup]:
    """The failures by cause, those that explain the first failure first."""
    groups: dict[Hashable, list[Result]] = {}
    for result in failed:
        groups.setdefault(cause_key(result), []).append(result)
    return [FailureGroup(results=tuple(results)) for results in groups.values()]


def guilty(result: Result) -> Cause | None:
    """
    The first of the policies' reasons; None where packets do not do what the policies say.

    A reason with a line goes before one without.
    """
    if not isinstance(result, FlowResult) or not _by_policy(result):
        return None
    return next((c for c in result.causes if c.at), next(iter(result.causes), None))


def _by_policy(result: FlowResult) -> bool:
    other = result.reason is not None and result.reason.code is ReasonCode.OTHER_POLICY_DECIDES
    return other or result.diagnosis is Diagnosis.POLICY_BUG


def cause_key(result: Result) -> Hashable:
    """What two results share that fail for one reason."""
    if isinstance(result, CheckResult):
        return result.step, result.name
    cause, too_open = guilty(result), result.verdict is Verdict.TOO_OPEN
    if cause:
        return too_open, cause.at or cause
    trouble = result.reason.trouble if result.reason else result.name
    return result.verdict, result.diagnosis, trouble
