"""
Sends requests to one API server: signed in, counted, with a deadline, again where that is safe.

No line that is logged has a query, a header or a body in it.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from npol.kube.api_errors import ApiError, LostReply, Unreachable
from npol.kube.guard import Request
from npol.kube.kubeconfig import pick
from npol.kube.login import Login
from npol.kube.pace import Pace
from npol.kube.responses import Reply, transient
from npol.kube.retry import Clock, RetryBudget, Transient, persist
from npol.kube.sanitize import plain

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request as it is sent, and as the guard has seen it."""

    request: Request
    method: str
    target: str
    """Path and query."""
    body: Any
    headers: Mapping[str, str]
    repeatable: bool
    """Whether it may be sent again when the server may have acted on it."""

    @property
    def only_reads(self) -> bool:
        return only_reads(self.method, self.request)


def only_reads(method: str, request: Request) -> bool:
    return method in ("GET", "HEAD") or "reviews." in request.resource


class Sender:
    """Thread-safe."""

    def __init__(
        self,
        login: Login,
        kubeconfig: str | None,
        *,
        patience: RetryBudget,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        self.login = login
        self.kubeconfig = kubeconfig
        """The path that was given; None: $KUBECONFIG, else ~/.kube/config."""
        self._patience = patience
        self._clock = clock
        self._pace = pace
        self._lock = threading.Lock()
        self._answered = False
        self.counted: Counter[str] = Counter()
        """`verb resource` -> how many were sent, repeated ones and execs included."""

    def fresh(self) -> Sender:
        """A new one, signed in from the kubeconfig as it is now."""
        login = Login(pick(self.kubeconfig, self.login.context.name), like=self.login)
        return Sender(
            login, self.kubeconfig, patience=self._patience, clock=self._clock, pace=self._pace
        )

    def send(self, sent: ApiRequest) -> Reply:
        """
        What the server answers, whatever it is.

        Raises:
            Unreachable, ApiError: it does not answer, or not yet, for as long as was waited.
            LostReply: the reply was lost, and the request may not be repeated.
        """
        limit = self._patience.lost if self._answered else self._patience.first
        deadline = self._clock.now() + limit

        def attempt() -> Reply:
            left = max(0.2, deadline - self._clock.now())
            timeout = (CONNECT_TIMEOUT, READ_TIMEOUT)
            if not self._answered:
                timeout = (min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left))
            reply = self._once(sent, timeout)
            if failure := transient(reply, self.login.secrets()):
                raise failure
            return reply

        try:
            return persist(
                attempt,
                patience=limit,
                throttled=self._patience.throttled,
                repeatable=sent.repeatable,
                clock=self._clock,
            )
        except Transient as failure:
            raise self._given_up(sent, failure) from None

    def _once(self, sent: ApiRequest, timeout: tuple[float, float]) -> Reply:
        """Twice where the credential was not accepted."""
        for last in (False, True):
            login = self.current()
            self.count(f"{sent.request.verb} {sent.request.resource}")
            with self._logged(login, sent) as ended:
                reply = login.send(sent.method, sent.target, sent.body, sent.headers, timeout)
                ended.append(reply.status)
            self._answered = True
            if reply.status != 401 or last:
                break
            log.info("the credential was not accepted: signing in again")
            self.renew(login)
        return reply

    @contextmanager
    def _logged(self, login: Login, sent: ApiRequest) -> Iterator[list[int]]:
        """A line for each attempt."""
        level = logging.DEBUG if sent.only_reads else logging.INFO
        path, began = sent.target.partition("?")[0], self._clock.now()
        ended: list[int] = []
        failed = ""
        try:
            yield ended
        except (Transient, Unreachable) as failure:
            failed = plain(str(failure), secrets=login.secrets())
            raise
        finally:
            passed = 1000 * (self._clock.now() - began)
            how = ended[0] if ended else failed or "not ended"
            log.log(level, "%s %s: %s, %.0f ms", sent.method, path, how, passed)

    def _given_up(self, sent: ApiRequest, failure: Transient) -> Exception:
        request, context = sent.request, self.login.context
        if failure.sent and not sent.repeatable:
            return LostReply(
                f"{request}: the reply was lost, the outcome is unknown: {failure.what}",
                status=failure.status,
            )
        if failure.status:
            return ApiError(f"{request}: {failure.what}", status=failure.status)
        return Unreachable(
            f"the API server {context.address} of context {context.name} does not answer: "
            f"{failure.what}",
            hint="is it up, and is this the right context?",
        )

    def current(self) -> Login:
        """Signed in, anew where the credential has expired."""
        login = self.login
        if login.stale():
            log.info("the credential has expired: signing in again")
            self.renew(login)
        return self.login

    def renew(self, old: Login) -> None:
        """Sign in again from the kubeconfig as it is now."""
        with self._lock:
            if self.login is old:  # else another thread has done it meanwhile
                self.login = Login(pick(self.kubeconfig, old.context.name))
                old.close()

    def count(self, what: str) -> None:
        """One more is about to be sent, when its turn comes."""
        if self._pace:
            self._pace.wait()
        with self._lock:
            self.counted[what] += 1
