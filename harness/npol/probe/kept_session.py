"""
The session of one source: an exec with the prober in it, opened when it is needed and again when
it broke, in the pod that is meant.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from npol.errors import NpolError
from npol.kube.channels import ExecBroken
from npol.model.probe import PodRef
from npol.probe.debug_pod_manifest import CONTAINER
from npol.probe.prober_stream import HELLO_WITHIN, LIFETIME, NoShell, ProberSession, Stream

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Times that a broken exec is opened again for one round."""
ROTATE_AFTER = 0.8 * LIFETIME


class KeptSession:
    """Thread-safe."""

    def __init__(
        self,
        open_stream: Callable[[], Stream],
        source: PodRef,
        *,
        identify: Callable[[], None] | None,
        on_change: Callable[[], None],
        in_use: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        See `Prober`; `on_change` is called when an answer or the session's end came. A session that
        is not `in_use` is renewed when it is old.
        """
        self.execs = 0
        """How many were opened so far."""
        self.latest: ProberSession | None = None
        """The last one, which may be broken."""
        self._open_stream = open_stream
        self._source = source
        self._identify = identify
        self._on_change = on_change
        self._in_use = in_use
        self._now = now
        self._sleep = sleep
        self._opening = threading.Lock()
        self._opened_at = 0.0
        self._unopened = False
        self._shell = True
        self._closed = False

    @property
    def tools(self) -> Mapping[str, str]:
        """Tool -> which program of that name; empty before the first session."""
        return self.latest.toolbox.names if self.latest else {}

    @property
    def cluster_domain(self) -> str:
        """The domain of the cluster's own names, as its resolv.conf has it; "" for none."""
        return self.latest.toolbox.cluster_domain if self.latest else ""

    @property
    def failing(self) -> bool:
        """Whether the last exec broke or could not be opened."""
        return self._unopened or bool(self.latest and self.latest.broken)

    def ready(self, until: float) -> ProberSession:
        """
        The session, opened again if need be.

        Raises:
            NoShell: nothing can be kept open there.
            ExecBroken: not within the budget.
        """
        with self._opening:
            if self._closed:
                raise ExecBroken("the prober was closed", passing=False)
            if not self._shell:
                raise NoShell("the container has no shell")
            session = self.latest
            worn = not self._in_use() and self._now() - self._opened_at > ROTATE_AFTER
            if session and not session.broken and not worn:
                return session
            if session:
                session.close("its time was up")
            self._unopened = True
            self.latest = self._retried(until)
            self._unopened = False
            return self.latest

    def close(self) -> None:
        """End the exec."""
        with self._opening:
            self._closed = True
            if self.latest:
                self.latest.close()

    def _retried(self, until: float) -> ProberSession:
        return Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(until - self._now()),
            wait=wait_exponential(multiplier=0.1, max=2.0) + wait_random(0, 1),
            sleep=self._sleep,
            before_sleep=self._log_retry,
            reraise=True,
        )(self._opened, until)

    def _log_retry(self, state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        wait = state.upcoming_sleep
        log.info("prober in %s failed, the next one in %.1f s: %s", self._source, wait, failure)

    def _opened(self, until: float) -> ProberSession:
        self.execs += 1
        try:
            session = ProberSession(self._open_stream(), on_change=self._on_change)
            session.start(within=max(0.1, min(HELLO_WITHIN, until - self._now())))
        except NoShell:
            self._shell = self._unopened = False
            raise
        except ExecBroken:
            raise
        except NpolError as error:
            raise ExecBroken(error.message, passing=False) from error
        self._check_identity(session)
        self._opened_at = self._now()
        return session

    def _check_identity(self, session: ProberSession) -> None:
        uid, wanted = session.toolbox.uid, self._source.uid
        if not uid and self._source.container == CONTAINER:
            session.close()
            raise ExecBroken(f"another pod answers for {self._source}: a debug pod knows its uid")
        if uid and wanted and uid != wanted:
            session.close()
            raise ExecBroken(
                f"{self._source} is another pod now: uid {uid} instead of {wanted}", passing=False
            )
        if not uid and self._identify:
            try:
                self._identify()
            except ExecBroken:
                session.close()
                raise


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, ExecBroken) and not isinstance(error, NoShell) and error.passing
