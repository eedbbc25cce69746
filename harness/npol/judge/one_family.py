"""
What differs between the IP families of a flow. Pure.

Policies judge each family on its own, so a rule for `0.0.0.0/0` may open one and leave the other
closed: the reason says which.
"""

from __future__ import annotations

from collections.abc import Sequence

from npol.model.expectation import Outcome
from npol.model.probe import Role, family_of
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Evidence
from npol.model.seen_outcome import SeenOutcome


def one_family_closed(evidence: Sequence[Evidence]) -> Reason | None:
    """Why a flow is too closed whose other family is open; None where families do the same."""
    if (ways := _ways(evidence)) is None:
        return None
    _, closed, family = ways
    return Reason(
        code=ReasonCode.ONE_FAMILY_CLOSED,
        subject=closed[0].subject,
        family=family,
        seen=tuple(SeenOutcome(outcome=e.answer.outcome, subject=e.subject) for e in closed),
    )


def one_family_open(evidence: Sequence[Evidence]) -> Reason | None:
    """The same for one that is too open."""
    if (ways := _ways(evidence)) is None:
        return None
    opened, _, family = ways
    subjects = ", ".join(e.subject for e in opened)
    return Reason(code=ReasonCode.ONE_FAMILY_OPEN, subject=subjects, family=family)


def _ways(evidence: Sequence[Evidence]) -> tuple[list[Evidence], list[Evidence], int] | None:
    """The addresses that are open, those that are closed, and the closed family."""
    asked = [e for e in evidence if e.role is not Role.NAME and e.address]
    opened = [e for e in asked if e.answer.outcome is Outcome.OPEN]
    closed = [e for e in asked if e.answer.outcome is not Outcome.OPEN]
    families = {family_of(e.address) for e in closed}
    if len(families) != 1 or not opened or families & {family_of(e.address) for e in opened}:
        return None
    return opened, closed, families.pop()
