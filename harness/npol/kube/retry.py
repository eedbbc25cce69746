"""Which failed requests are sent again, how often, and what is said when time is up."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_base

T = TypeVar("T")
log = logging.getLogger(__name__)


class Transient(Exception):
    """
    One attempt failed in a way that may pass.

    `sent`: whether the server may have acted on it. A 429, a refused connection and a failed
    TLS handshake are known not to have been; a cut or silent connection and a 5xx may have.
    """

    def __init__(self, what: str, *, sent: bool, status: int = 0, after: float = 0.0) -> None:
        super().__init__(what)
        self.what = what
        self.sent = sent
        self.status = status
        """HTTP's; 0 when there was no reply."""
        self.after = after
        """Seconds that the server asked us to wait (Retry-After)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """Seconds after which we give up, counted from the first attempt."""

    first: float = 8.0
    """For a server that has not answered yet in this run."""
    lost: float = 45.0
    """For one that has: it may be restarting."""
    throttled: float = 90.0
    """For one that answers 429: it is alive and asks us to come later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, handed in so that tests need not wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class _Backoff(wait_base):
    """Half a second, doubled up to 5 s, with jitter; never before Retry-After."""

    def __call__(self, retry_state: RetryCallState) -> float:
        failure = retry_state.outcome.exception() if retry_state.outcome else None
        asked = failure.after if isinstance(failure, Transient) else 0.0
        backoff: float = min(5.0, 0.25 * 2**retry_state.attempt_number)
        return max(asked, backoff * random.uniform(0.5, 1.0))


def persist(
    attempt: Callable[[], T],
    *,
    patience: float,
    throttled: float,
    repeatable: bool,
    clock: Clock,
) -> T:
    """
    Call `attempt` until it returns, raises for good, or time is up.

    A request that is not `repeatable` is sent again only when the server cannot have acted
    on it. Raises the last `Transient` when it gives up.
    """
    started = clock.now()

    def stop(state: RetryCallState) -> bool:
        failure = state.outcome.exception() if state.outcome else None
        if not isinstance(failure, Transient) or (failure.sent and not repeatable):
            return True
        limit = max(patience, throttled) if failure.status == 429 else patience
        return clock.now() - started + state.upcoming_sleep >= limit

    return Retrying(
        retry=retry_if_exception_type(Transient),
        wait=_Backoff(),
        stop=stop,
        sleep=clock.sleep,
        before_sleep=_log_retry,
        reraise=True,
    )(attempt)


def _log_retry(state: RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    number, wait = state.attempt_number, state.upcoming_sleep
    log.info("attempt %d failed, the next one in %.1f s: %s", number, wait, failure)
