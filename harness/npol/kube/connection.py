"""
One connection to one cluster.

Bodies are raw JSON both ways, because the official client's models drop fields that they do
not know. Every request is checked by the guard, counted, has a deadline, and is sent again
where that is safe.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from npol.errors import InputError, Refused
from npol.kube.api_client import JSON, Verbs
from npol.kube.api_errors import ApiError, Forbidden, LostReply, Unreachable
from npol.kube.guard import Guard, Mode, Request, request_of
from npol.kube.kubeconfig import Context, contexts, options_of, pick
from npol.kube.login import Login
from npol.kube.objects import Resource
from npol.kube.pace import Pace
from npol.kube.responses import Reply, api_error, transient
from npol.kube.retry import Clock, RetryBudget, Transient, persist
from npol.kube.sanitize import plain
from npol.kube.tunnel import Dial

__all__ = [
    "ApiError",
    "Connection",
    "Forbidden",
    "LostReply",
    "Mode",
    "Unreachable",
    "connect",
    "contexts",
]

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0

PATCHES = {
    "apply": "application/apply-patch+yaml",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


def connect(
    *,
    kubeconfig: str | None,
    context: str,
    mode: Mode = Mode.READ_ONLY,
    patience: RetryBudget | None = None,
    clock: Clock | None = None,
    qps: float | None = None,
) -> Connection:
    """
    Sign in to the cluster of a context; nothing is sent yet.

    Args:
        kubeconfig: a path; None: $KUBECONFIG, else ~/.kube/config.
        context: must be named; the current context is never used silently.
        qps: the most requests a second, execs included; None: no limit on this side.

    Raises:
        InputError: no such file or context, or it is broken; lists the contexts. Or `qps` is
            not above 0.
        Refused: a credential plugin failed, or the mode writes without verifying the server.
    """
    if qps is not None and qps <= 0:
        raise InputError(f"at most {qps:g} requests a second: the limit must be above 0")
    chosen = pick(kubeconfig, context)
    if chosen.insecure and mode is not Mode.READ_ONLY:
        raise Refused(
            f"context {context} does not verify the server's certificate; "
            f"mode {mode.value} writes only to a cluster that it can recognise",
            hint="put certificate-authority-data in place of insecure-skip-tls-verify",
        )
    clock = clock or Clock()
    return Connection(
        Login(chosen),
        kubeconfig,
        Guard(mode=mode),
        patience=patience or RetryBudget(),
        clock=clock,
        pace=Pace(qps, clock) if qps is not None else None,
    )


class Connection(Verbs):
    """
    The API server, by verbs. Objects are raw JSON dicts; methods are thread-safe.

    All methods raise: Refused (the guard, before anything is sent), Unreachable, Forbidden
    (403 and 401), ApiError (what else the server refuses); writes that are not safe to repeat
    raise LostReply where their reply was lost.
    """

    def __init__(
        self,
        login: Login,
        kubeconfig: str | None,
        guard: Guard,
        *,
        patience: RetryBudget,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        super().__init__()
        self._pace = pace
        self._login = login
        self._kubeconfig = kubeconfig
        self._lock = threading.Lock()
        self._answered = False
        self.guard = guard
        self.patience = patience
        self.clock = clock
        self.requests: Counter[str] = Counter()
        """`verb resource` -> how many were sent, repeated ones and execs included."""

    @property
    def context(self) -> str:
        return self._login.context.name

    @property
    def server(self) -> str:
        """Its URL, for people to read."""
        return self._login.context.address

    @property
    def kubeconfig(self) -> str | None:
        """The path that was given; None: $KUBECONFIG, else ~/.kube/config."""
        return self._kubeconfig

    @property
    def options(self) -> str:
        """What names this cluster on the command line."""
        return options_of(self._kubeconfig, self.context)

    @property
    def settings(self) -> Context:
        """The kubeconfig's entry that this connection was made from."""
        return self._login.context

    @property
    def mode(self) -> Mode:
        return self.guard.mode

    def permit(self, *, namespaces: Iterable[str], kinds: Iterable[Resource] = ()) -> None:
        """From now on writes go to these namespaces only, and to these kinds as well."""
        self.guard = self.guard.permit(
            namespaces=namespaces, kinds=[kind.qualified for kind in kinds]
        )

    def fresh(self) -> Connection:
        """A new client of the same cluster, from the kubeconfig as it is now."""
        login = Login(pick(self._kubeconfig, self.context), like=self._login)
        return Connection(
            login,
            self._kubeconfig,
            self.guard,
            patience=self.patience,
            clock=self.clock,
            pace=self._pace,
        )

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        patch: str = "",
        name: str = "",
        repeatable: bool | None = None,
        accept: str = JSON,
        as_text: bool = False,
    ) -> Any:
        """See `Verbs.raw`; `as_text`: the answer is no JSON, such as a log."""
        request = request_of(method, path)
        if name and not request.name:
            request = replace(request, name=name)
        self.guard.check(request)
        if repeatable is None:
            repeatable = _only_reads(method, request)
        wanted = {k: v for k, v in (query or {}).items() if v}
        target = path + (f"?{urlencode(wanted)}" if wanted else "")
        headers = {"Accept": accept, "Content-Type": PATCHES.get(patch, JSON)}
        reply = self._persist(request, method, target, body, headers, repeatable)
        if not 200 <= reply.status < 300:
            login = self._login
            user, secrets = login.context.who, login.secrets()
            raise api_error(reply, request, user=user, secrets=secrets)
        if as_text:
            return reply.body.decode("utf-8", "replace")
        try:
            return reply.json()
        except ValueError:
            raise ApiError(
                f"{request}: the answer is not JSON", status=reply.status, reason="NotJson"
            ) from None

    def dial(self, path: str, query: str, namespace: str, name: str) -> Dial:
        """How to open an exec's WebSocket; counted as one. Raises Refused by the guard."""
        self.guard.check_exec(namespace, name)
        self._count("exec pods")
        return self._current().dial(f"{path}?{query}")

    def renew(self) -> None:
        """Sign in again from the kubeconfig as it is now, as after a 401."""
        self._renew(self._login)

    def close(self) -> None:
        """Close what is kept open between requests; a later request opens it again."""
        self._login.close()

    def _persist(
        self,
        request: Request,
        method: str,
        target: str,
        body: Any,
        headers: Mapping[str, str],
        repeatable: bool,
    ) -> Reply:
        limit = self.patience.lost if self._answered else self.patience.first
        deadline = self.clock.now() + limit

        def attempt() -> Reply:
            left = max(0.2, deadline - self.clock.now())
            timeout = (CONNECT_TIMEOUT, READ_TIMEOUT)
            if not self._answered:
                timeout = (min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left))
            reply = self._send(request, method, target, body, headers, timeout)
            failure = transient(reply, self._login.secrets())
            if failure:
                raise failure
            return reply

        try:
            return persist(
                attempt,
                patience=limit,
                throttled=self.patience.throttled,
                repeatable=repeatable,
                clock=self.clock,
            )
        except Transient as failure:
            raise self._given_up(request, failure, repeatable) from None

    def _send(
        self,
        request: Request,
        method: str,
        target: str,
        body: Any,
        headers: Mapping[str, str],
        timeout: tuple[float, float],
    ) -> Reply:
        for last in (False, True):
            login = self._current()
            self._count(f"{request.verb} {request.resource}")
            with self._logged(login, request, method, target) as ended:
                reply = login.send(method, target, body, headers, timeout)
                ended.append(reply.status)
            self._answered = True
            if reply.status != 401 or last:
                break
            log.info("the credential was not accepted: signing in again")
            self._renew(login)
        return reply

    @contextmanager
    def _logged(
        self, login: Login, request: Request, method: str, target: str
    ) -> Iterator[list[int]]:
        """A line for each attempt; neither query nor headers nor bodies are in it."""
        level = logging.DEBUG if _only_reads(method, request) else logging.INFO
        path, began = target.partition("?")[0], self.clock.now()
        ended: list[int] = []
        failed = ""
        try:
            yield ended
        except (Transient, Unreachable) as failure:
            failed = plain(str(failure), secrets=login.secrets())
            raise
        finally:
            passed = 1000 * (self.clock.now() - began)
            how = ended[0] if ended else failed or "not ended"
            log.log(level, "%s %s: %s, %.0f ms", method, path, how, passed)

    def _given_up(self, request: Request, failure: Transient, repeatable: bool) -> Exception:
        if failure.sent and not repeatable:
            return LostReply(
                f"{request}: the reply was lost, the outcome is unknown: {failure.what}",
                status=failure.status,
            )
        if failure.status:
            return ApiError(f"{request}: {failure.what}", status=failure.status)
        return Unreachable(
            f"the API server {self.server} of context {self.context} does not answer: "
            f"{failure.what}",
            hint="is it up, and is this the right context?",
        )

    def _current(self) -> Login:
        login = self._login
        if login.stale():
            log.info("the credential has expired: signing in again")
            self._renew(login)
        return self._login

    def _renew(self, old: Login) -> None:
        with self._lock:
            if self._login is old:  # else another thread has done it meanwhile
                self._login = Login(pick(self._kubeconfig, old.context.name))
                old.close()

    def _count(self, what: str) -> None:
        """One more is about to be sent, when its turn comes."""
        if self._pace:
            self._pace.wait()
        with self._lock:
            self.requests[what] += 1


def _only_reads(method: str, request: Request) -> bool:
    return method in ("GET", "HEAD") or "reviews." in request.resource
