"""All checks of a step, on one view of the cluster after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from npol.errors import NpolError
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.expectation import Verdict
from npol.model.result import CheckResult
from npol.model.story import StateCheck
from npol.run.checks.bounded_match import Unbounded
from npol.run.checks.registry import CHECKERS
from npol.run.checks.view import Observation, View, not_known

log = logging.getLogger(__name__)

POLL_EVERY = 0.5
_VERDICTS = {
    True: Verdict.AS_EXPECTED,
    False: Verdict.WRONG_ANSWER,
    None: Verdict.UNKNOWN,
}


def check_all(
    checks: Sequence[StateCheck],
    step: str,
    look: Callable[[], View],
    deadline: float,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[CheckResult, ...]:
    """
    All checks of a step on fresh views, until they hold or `deadline` (by `now`).

    A check that cannot be told in bounded time is asked once: looking again would cost as much.
    """
    view = look()
    results = [_result(check, step, view) for check in checks]
    while (waiting := [n for n, r in enumerate(results) if _may_change(r)]) and now() < deadline:
        missing = ", ".join(results[n][0].name for n in waiting)
        log.info("step %r, waiting for checks: %s, %.0f s left", step, missing, deadline - now())
        sleep(POLL_EVERY)
        view = look()
        results = [
            old if old[1] else _result(check, step, view)
            for check, old in zip(checks, results, strict=True)
        ]
    return tuple(result for result, _ in results)


def _may_change(found: tuple[CheckResult, bool]) -> bool:
    result, final = found
    return not result.passed and not final


def _result(check: StateCheck, step: str, view: View) -> tuple[CheckResult, bool]:
    """The result, and whether it is final."""
    checker, final = CHECKERS[check.kind], False
    try:
        found = checker.look(check, view)
    except Unbounded as error:
        found, final = _error(error), True
    except NpolError as error:  # not allowed, not there, not answered: nothing is known
        found = _error(error)
    result = CheckResult(
        name=check.name,
        at=check.at,
        step=step,
        expected=checker.wanted(check),
        found=found.seen,
        verdict=_VERDICTS[found.holds],
        reasons=found.reasons,
    )
    return result, final


def _error(error: NpolError) -> Observation:
    return not_known(CheckFinding(code=FindingCode.SAID, said=error.message))
