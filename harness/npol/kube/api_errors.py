"""What can go wrong between us and the API server, as errors that a caller may handle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npol.errors import ExitCode, NpolError, Refused

NOT_ENFORCED = "NotEnforced"
"""The reason of a lab that would keep such policies without any effect."""


class ApiError(NpolError):
    """
    The API server said no. `status` is HTTP's (404, 409, 422 ...), 0 when no reply came.

    `reason` is the Status object's reason (`AlreadyExists`, `Conflict`, `Expired` ...),
    `body` the whole Status object.
    """

    exit_code = ExitCode.REFUSED

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str = "",
        body: Mapping[str, Any] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.body = dict(body or {})


class Forbidden(ApiError, Refused):
    """403: RBAC, Pod Security, a quota or a webhook; the message is the server's own."""


class LostReply(ApiError):
    """
    A write was sent and its reply was lost: nobody knows whether it was done.

    Read the object back and compare before sending it again.
    """


class Unreachable(Refused):
    """No API server answered in time. Nothing is known about what was asked."""
