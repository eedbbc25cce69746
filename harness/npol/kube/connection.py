"""
One connection to one cluster.

Bodies are raw JSON both ways, because the official client's models drop fields that they do
not know. Every request is checked by the guard, counted, has a deadline, and is sent again
where that is safe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from npol.errors import InputError, Refused
from npol.kube.api_client import JSON, Verbs
from npol.kube.api_errors import ApiError, Forbidden, LostReply, Unreachable
from npol.kube.guard import Guard, Mode, request_of
from npol.kube.kubeconfig import Context, contexts, options_of, pick
from npol.kube.login import Login
from npol.kube.objects import Resource
from npol.kube.pace import Pace
from npol.kube.responses import api_error
from npol.kube.retry import Clock, RetryBudget
from npol.kube.sender import ApiRequest, Sender, only_reads
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
    sender = Sender(
        Login(chosen),
        kubeconfig,
        patience=patience or RetryBudget(),
        clock=clock,
        pace=Pace(qps, clock) if qps is not None else None,
    )
    return Connection(sender, Guard(mode=mode), clock)


class Connection(Verbs):
    """
    The API server, by verbs. Objects are raw JSON dicts; methods are thread-safe.

    All methods raise: Refused (the guard, before anything is sent), Unreachable, Forbidden
    (403 and 401), ApiError (what else the server refuses); writes that are not safe to repeat
    raise LostReply where their reply was lost.
    """

    def __init__(self, sender: Sender, guard: Guard, clock: Clock) -> None:
        super().__init__()
        self._sender = sender
        self.guard = guard
        self.clock = clock

    @property
    def context(self) -> str:
        return self.settings.name

    @property
    def server(self) -> str:
        """Its URL, for people to read."""
        return self.settings.address

    @property
    def kubeconfig(self) -> str | None:
        """The path that was given; None: $KUBECONFIG, else ~/.kube/config."""
        return self._sender.kubeconfig

    @property
    def options(self) -> str:
        """What names this cluster on the command line."""
        return options_of(self.kubeconfig, self.context)

    @property
    def settings(self) -> Context:
        """The kubeconfig's entry that this connection was made from."""
        return self._sender.login.context

    @property
    def requests(self) -> Counter[str]:
        """`verb resource` -> how many were sent, repeated ones and execs included."""
        return self._sender.counted

    @property
    def mode(self) -> Mode:
        return self.guard.mode

    def permit(
        self,
        *,
        namespaces: Iterable[str],
        kinds: Iterable[Resource] = (),
        subresources: Iterable[str] = (),
    ) -> None:
        """
        From now on writes go to these namespaces only, and to these kinds as well.

        `subresources`: such as `pods/eviction`.
        """
        self.guard = self.guard.permit(
            namespaces=namespaces, kinds=[*(kind.qualified for kind in kinds), *subresources]
        )

    def fresh(self) -> Connection:
        """A new client of the same cluster, from the kubeconfig as it is now."""
        return Connection(self._sender.fresh(), self.guard, self.clock)

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
        self.guard.check(request, body)
        wanted = {k: v for k, v in (query or {}).items() if v}
        target = path + (f"?{urlencode(wanted)}" if wanted else "")
        headers = {"Accept": accept, "Content-Type": PATCHES.get(patch, JSON)}
        sent = ApiRequest(
            request=request,
            method=method,
            target=target,
            body=body,
            headers=headers,
            repeatable=only_reads(method, request) if repeatable is None else repeatable,
        )
        reply = self._sender.send(sent)
        if not 200 <= reply.status < 300:
            user, secrets = self.settings.who, self._sender.login.secrets()
            raise api_error(reply, request, user=user, secrets=secrets)
        if as_text:
            return reply.body.decode("utf-8", "replace")
        try:
            return reply.json()
        except ValueError:
            raise ApiError(
                f"{request}: the answer is not JSON", status=reply.status, reason="NotJson"
            ) from None

    def dial(self, path: str, query: str, namespace: str) -> Dial:
        """How to open an exec's WebSocket; counted as one. Raises Refused by the guard."""
        self.guard.check_exec(namespace)
        self._sender.count("exec pods")
        return self._sender.current().dial(f"{path}?{query}")

    def open_ahead(self, *, execs: int) -> None:
        """Begin to open connections that so many execs will soon need at once."""
        self._sender.current().open_ahead(execs)

    def renew(self) -> None:
        """Sign in again from the kubeconfig as it is now, as after a 401."""
        self._sender.renew(self._sender.login)

    def close(self) -> None:
        """Close what is kept open between requests; a later request opens it again."""
        self._sender.login.close()
