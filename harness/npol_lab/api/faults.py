"""
Faults on purpose, for tests of those who speak to the server: `/npol-lab/faults`.

A rule is `{"match": {...}, "times": n, "after": n, "action": {...}}`. `match` has any of verb,
resource (`plural[.group]`), namespace, name and subresource; what it leaves out matches
everything. The first `after` matches pass, the next `times` (all, when null) get the action:

    {"status": 429, "retryAfter": 1}    answer so, do nothing
    {"delay": 2.5}                      wait, then go on
    {"drop": "before" | "after"}        close the connection before or after the work is done
    {"exec": MODE}                      see `EXEC_MODES`
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from npol.api_rules.objects import Obj
from npol_lab.api.requests import RequestInfo
from npol_lab.registry.errors import StatusError, bad_request

MATCHES = ("verb", "resource", "namespace", "name", "subresource")
ACTIONS = ("status", "delay", "drop", "exec")
EXEC_MODES = (
    "fin",  # the connection ends after the first output, without a word
    "rst",  # the same, by reset
    "close-without-status",  # all output, a clean close, no status frame
    "silent",  # a handshake, then nothing
    "success-without-output",  # nothing is run, and it is called a success
    "no-handshake",  # the upgrade is never answered
    "garbage",  # frames that mean nothing
    "flood",  # output without end
    "swap-pod",  # another pod answers
    "runtime-error",  # the container runtime could not start it
    "exit-code-only",  # it is run, its output is lost
)
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
Handler = Callable[[], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Rule:
    match: dict[str, str]
    action: dict[str, Any]
    times: int | None = None
    after: int = 0

    def takes(self, info: RequestInfo) -> bool:
        """Whether it matches and has its turn, which is counted."""
        if not all(_is(info, key, value) for key, value in self.match.items()):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


def _is(info: RequestInfo, key: str, value: str) -> bool:
    if key == "resource":
        return value in (info.resource, info.plural)
    return bool(getattr(info, key) == value)


class Faults:
    """
    Raises:
        StatusError: 400 for what is no list of rules.
    """

    def __init__(self, rules: Any) -> None:
        if not isinstance(rules, list):
            raise bad_request("a list of rules is expected")
        self._rules = [_rule(r) for r in rules]

    def action(self, info: RequestInfo) -> dict[str, Any]:
        for rule in self._rules:
            if rule.takes(info):
                return rule.action
        return {}

    async def around(
        self, request: web.Request, action: dict[str, Any], handle: Handler
    ) -> web.StreamResponse:
        """
        Raises:
            StatusError: the one that a rule wants.
        """
        if "status" in action:
            raise refusal(action["status"], action.get("retryAfter"))
        if "delay" in action:
            await asyncio.sleep(action["delay"])
        if action.get("drop") == "before":
            return dropped(request)
        response = await handle()
        return dropped(request) if action.get("drop") == "after" else response


def _rule(given: Any) -> Rule:
    if not isinstance(given, dict) or not isinstance(given.get("action"), dict):
        raise bad_request(f"a rule needs an action: {given!r}")
    match, action = given.get("match") or {}, given["action"]
    _known(match, MATCHES, "match")
    _known(action, (*ACTIONS, "retryAfter", "pod"), "action")
    if action.get("exec", EXEC_MODES[0]) not in EXEC_MODES:
        raise bad_request(f"exec must be one of {', '.join(EXEC_MODES)}")
    if action.get("drop", "before") not in ("before", "after"):
        raise bad_request("drop must be before or after")
    return Rule(dict(match), dict(action), given.get("times"), int(given.get("after") or 0))


def _known(given: Obj, known: tuple[str, ...], what: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise bad_request(f"unknown {what} {', '.join(unknown)}: known are {', '.join(known)}")


def refusal(code: int, retry_after: int | None = None) -> StatusError:
    details = {"retryAfterSeconds": retry_after} if retry_after else {}
    return StatusError(
        code, REASONS.get(code, "Unknown"), "a fault of the lab, on purpose", details
    )


def dropped(request: web.Request) -> web.Response:
    """The connection ends here; what is returned goes nowhere."""
    cut(request)
    return web.Response()


def cut(request: web.Request, *, reset: bool = False) -> None:
    """End a connection below TLS: with FIN, or with RST."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(raw.fileno())) as copy:
        if reset:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            copy.shutdown(socket.SHUT_RDWR)
    transport.abort()
