"""What a reply, or the lack of one, means: a value, a failure that may pass, or an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.kube.api_errors import ApiError, Forbidden
from npol.kube.guard import Request
from npol.kube.retry import Transient
from npol.kube.sanitize import plain

PASSING = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses that may be gone at the next attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back over HTTP."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON; {} for an empty one. Raises ValueError."""
        return json.loads(self.body) if self.body.strip() else {}

    def state(self) -> dict[str, Any]:
        """The Status object, or as much of one as there is."""
        try:
            found = self.json()
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        return {"message": self.body[:500].decode(errors="replace")}


def transient(reply: Reply, secrets: Iterable[str] = ()) -> Transient | None:
    """The failure that may pass, if it is one; its words are the server's, without `secrets`."""
    if reply.status not in PASSING:
        return None
    state = reply.state()
    message = str(state.get("message") or "no message")
    return Transient(
        f"HTTP {reply.status}: {plain(message, secrets=secrets)}",
        sent=reply.status != 429,
        status=reply.status,
        after=_retry_after(reply, state),
    )


def _retry_after(reply: Reply, state: Mapping[str, Any]) -> float:
    header = {k.lower(): v for k, v in reply.headers.items()}.get("retry-after", "")
    seconds = header or str((state.get("details") or {}).get("retryAfterSeconds", ""))
    return float(seconds) if re.fullmatch(r"\d{1,4}", seconds) else 0.0


def api_error(
    reply: Reply, request: Request, *, user: str, secrets: Iterable[str] = ()
) -> ApiError:
    """The error for a reply that is no success; its message is the server's own."""
    state = reply.state()
    message = plain(str(state.get("message") or "no message"), secrets=secrets)
    reason = str(state.get("reason", ""))
    known: dict[str, Any] = {"status": reply.status, "reason": reason, "body": state}
    if reply.status == 401:
        return Forbidden(
            f"the API server does not accept the credentials of user {user}",
            hint="they may have expired: log in again, then run this once more",
            **known,
        )
    if reply.status == 403:
        hint = "`npol doctor --rbac` prints the roles" if "cannot " in message else ""
        return Forbidden(f"may not {request}: {message}", hint=hint, **known)
    return ApiError(f"{request}: HTTP {reply.status}: {message}", **known)
