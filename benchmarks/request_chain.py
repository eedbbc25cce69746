"""Which requests of a run waited for each other, so that each of them costs a round trip."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from npol.kube import exec as execs
from npol.kube import sender

RENEWED = "/leases/npol"
"""The locks, which nobody waits for while they are renewed, and few while they are given back."""


@dataclass(frozen=True, slots=True)
class Request:
    began: float
    ended: float
    what: str


@dataclass(slots=True)
class Requests:
    """What was sent, with the times of both ends."""

    sent: list[Request] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    def between(self, began: float, ended: float) -> Requests:
        return replace(self, began=began, ended=ended)

    def show(self) -> None:
        """
        The chain from the end back to the beginning: before each request the one that ended last
        before it was sent. What else takes time, such as rounds of probes, is a gap.
        """
        chain, until = list[Request](), self.ended
        while earlier := [one for one in self.sent if one.ended <= until and one.began < until]:
            chain.insert(0, max(earlier, key=lambda one: one.ended))
            until = chain[0].began
        before = self.began
        for one in chain:
            gap, took = one.began - before, one.ended - one.began
            beside = sum(o.began < one.ended and o.ended > one.began for o in self.sent) - 1
            at = one.began - self.began
            print(f"{at:7.2f} s  +{gap:5.2f}  {1000 * took:5.0f} ms, {beside:2} beside: {one.what}")
            before = one.ended
        print(
            f"{self.ended - self.began:7.2f} s  +{self.ended - before:5.2f}  {len(chain)} in a row"
        )


def requests_sent() -> Requests:
    """Filled from now on, with requests as npol logs them and the handshakes of its execs."""
    found = Requests()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            method, path, how, took = record.args or ("", "", "", 0)
            if isinstance(took, float) and not str(path).endswith(RENEWED):
                now = time.monotonic()
                found.sent.append(Request(now - took / 1000, now, f"{method} {path} {how}"))

    for handler in list(sender.log.handlers):
        sender.log.removeHandler(handler)
    sender.log.addHandler(Heard())
    sender.log.setLevel(logging.DEBUG)
    sender.log.propagate = False
    patch.object(execs, "handshake", _timed(vars(execs)["handshake"], found)).start()
    return found


def _timed(handshake: Callable[..., Any], found: Requests) -> Callable[..., Any]:
    def timed(dial: Any, *rest: Any) -> Any:
        began = time.monotonic()
        try:
            return handshake(dial, *rest)
        finally:
            path = dial.url.partition("?")[0].partition("/api/")[2]
            found.sent.append(Request(began, time.monotonic(), f"exec {path}"))

    return timed
