"""All checks of a step, on one view of the cluster after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from npol.errors import NpolError
from npol.model.expectation import Verdict
from npol.model.result import CheckResult
from npol.model.story import StateCheck
from npol.run.checks.registry import CHECKERS
from npol.run.checks.view import Observation, View

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
    """All checks of a step on fresh views, until they hold or `deadline` (by `now`)."""
    results = _results(checks, step, look())
    while not all(r.passed for r in results) and now() < deadline:
        missing = ", ".join(r.name for r in results if not r.passed)
        log.info("step %r, waiting for checks: %s, %.0f s left", step, missing, deadline - now())
        sleep(POLL_EVERY)
        results = _results(checks, step, look())
    return results


def _results(checks: Sequence[StateCheck], step: str, view: View) -> tuple[CheckResult, ...]:
    return tuple(_result(check, step, view) for check in checks)


def _result(check: StateCheck, step: str, view: View) -> CheckResult:
    checker = CHECKERS[check.kind]
    try:
        found = checker.look(check, view)
    except NpolError as error:  # not allowed, not there, not answered: nothing is known
        found = Observation(None, "not known", error.message)
    return CheckResult(
        name=check.name,
        at=check.at,
        step=step,
        expected=checker.wanted(check),
        seen=found.seen,
        verdict=_VERDICTS[found.holds],
        reason=found.reason,
    )
