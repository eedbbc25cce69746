"""
What is known of one connection that is held open. Pure: it is told each line of the program that
holds it (`hold_in_pod`), in that program's milliseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from npol.model.expectation import Outcome
from npol.model.probe import Answer

_LINE = re.compile(r"@(\w+) (\S+) (open|sent|heard|end|pong) (\d+) (\d+) ?(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEvent:
    """One line of the program."""

    name: str
    """Whose; `-` for the program itself."""
    word: str
    number: int
    at: int
    detail: str = ""


def parse_event(line: str, nonce: str) -> HoldEvent | None:
    """None for what the program did not write."""
    match = _LINE.fullmatch(line)
    if not match or match[1] != nonce:
        return None
    _, name, word, number, at, detail = match.groups()
    return HoldEvent(name=name, word=word, number=int(number), at=int(at), detail=detail)


@dataclass(slots=True, kw_only=True)
class HeldConnection:
    """From its opening on; `timeout` in seconds: an exchange unanswered for so long is a cut."""

    key: str
    timeout: float
    port: int = 0
    sent: int = 0
    heard: int = 0
    heard_at: int = 0
    """When the last answer came."""
    waiting_since: int | None = None
    """When the first exchange after it began; None before that."""
    ended: str = ""
    """`reset`, `closed`, `failed` or `lost`; "" while it is held."""
    why: str = ""
    known_until: int = 0
    """Whatever had been heard by then has been told."""

    def note(self, event: HoldEvent) -> None:
        """Also of what the program says for itself, which is told to each connection of it."""
        self.known_until = max(self.known_until, event.at if event.word == "pong" else 0)
        if event.word == "open":
            self.port, self.heard_at = event.number, event.at
        elif event.word == "sent":
            self.sent = event.number
            if self.waiting_since is None:
                self.waiting_since = event.at
        elif event.word == "heard" and event.number > self.heard:
            self.heard, self.heard_at = event.number, event.at
            self.waiting_since = None if event.number == self.sent else event.at
        elif event.word == "end":
            self.ended, _, self.why = event.detail.partition(" ")
            self.known_until = max(self.known_until, event.at)

    @property
    def silent_for(self) -> float:
        """Seconds for which the exchange under way is known to be unanswered."""
        if self.waiting_since is None:
            return 0.0
        return max(0, self.known_until - self.waiting_since) / 1000

    @property
    def opened(self) -> bool:
        """Whether it was ever an exchange: a handshake alone may be a proxy's."""
        return self.heard > 0

    def answer(self, after: int) -> Answer | None:
        """
        What it does now; None until that is known. It lives when an exchange is answered that
        began later than number `after`: an answer to an earlier one may be an old one.
        """
        if self.ended:
            return self._of_end()
        if self.heard > after:
            return self._told(Outcome.OPEN, f"exchange {self.heard} was answered")
        if self.silent_for < self.timeout:
            return None
        if self.opened:
            last = (self.known_until - self.heard_at) / 1000
            told = f"exchange {self.heard + 1} is unanswered, the last answer came {last:.1f} s ago"
            return self._told(Outcome.TIMEOUT, told)
        return self._told(Outcome.ERROR, "it was never open: its first exchange is unanswered")

    def _of_end(self) -> Answer:
        if not self.opened:
            return self._told(Outcome.ERROR, f"it was never open: {self.why or self.ended}")
        if self.ended == "reset":
            return self._told(Outcome.RESET, f"reset after {self.heard} answers: {self.why}")
        by = "the server ended it" if self.ended == "closed" else "it could not be held"
        return self._told(Outcome.ERROR, f"{by} after {self.heard} answers, no policy: {self.why}")

    def _told(self, outcome: Outcome, what: str) -> Answer:
        port = f", from port {self.port}" if self.port else ""
        return Answer(key=self.key, outcome=outcome, tool="python3", detail=f"{what}{port}")
