"""What a story expects of a flow, word by word, and what a probe can see."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.model.engine import STANDS_FOR


class Outcome(enum.Enum):
    """What one probe saw. ERROR says nothing about any policy."""

    OPEN = "open"
    TIMEOUT = "timeout"  # silence until the probe's deadline
    REFUSED = "refused"  # the host answered: nothing listens, or a rule rejected
    UNREACHABLE = "unreachable"  # no route, or an ICMP answer that says so
    RESET = "reset"  # the connection was open and was then torn down
    DNS_TIMEOUT = "dns timeout"  # no DNS server answered
    DNS_NEGATIVE = "dns negative"  # a DNS server answered that there is no such name
    ERROR = "error"  # the probe itself did not run


class Verdict(enum.Enum):
    """What npol says of one flow or check."""

    AS_EXPECTED = "as expected"
    TOO_OPEN = "too open"
    TOO_CLOSED = "too closed"
    WRONG_ANSWER = "wrong answer"
    FLAPPING = "flapping"
    UNKNOWN = "unknown"
    INVALID = "invalid"


class Word(enum.Enum):
    """The kinds of expectation."""

    ALLOW = "allow"
    DENY = "deny"
    OUTCOME = "outcome"  # exactly this outcome
    HTTP = "http"  # an HTTP answer with this status


_OUTCOMES = {
    o.value: o
    for o in (
        Outcome.TIMEOUT,
        Outcome.REFUSED,
        Outcome.UNREACHABLE,
        Outcome.RESET,
        Outcome.DNS_TIMEOUT,
        Outcome.DNS_NEGATIVE,
    )
}
HELD_WORDS = {"lives": Word.ALLOW, "cut": Word.DENY}
"""What is expected of a connection that is held open: to go on, or not to."""
WORDS = ("allow", "deny", *_OUTCOMES, "http 200", "http 2xx", *HELD_WORDS)
"""Examples of every spelling, for error messages and the JSON Schema."""

GATEWAY_ERRORS = frozenset({502, 503, 504})
"""HTTP statuses of a proxy that reaches nobody behind it (RFC 9110, 15.6.3 to 15.6.5)."""

CLOSED = frozenset({Outcome.TIMEOUT, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.RESET})


@dataclass(frozen=True, slots=True)
class Expectation:
    """
    One expectation word, parsed; `per_engine` overrides it where engines differ by design.

    `status` is three characters for Word.HTTP, `x` standing for any digit (`200`, `2xx`).
    """

    word: Word
    outcome: Outcome | None = None
    status: str = ""
    per_engine: Mapping[str, Expectation] = field(default_factory=dict)
    held: bool = False
    """Whether it is about a connection that is held open, not about new ones."""

    def __str__(self) -> str:
        if self.held:
            return next(text for text, word in HELD_WORDS.items() if word is self.word)
        if self.word is Word.OUTCOME and self.outcome:
            return self.outcome.value
        return f"http {self.status}" if self.word is Word.HTTP else self.word.value

    @property
    def closed(self) -> bool:
        """Whether the flow is expected not to get through."""
        return self.word in (Word.DENY, Word.OUTCOME)

    def for_engine(self, engine: str) -> Expectation:
        """The expectation on this engine: its own, or that of the engine that it stands for."""
        names = (engine, STANDS_FOR.get(engine, engine))
        return next((self.per_engine[n] for n in names if n in self.per_engine), self)

    def accepts_status(self, status: int) -> bool:
        """Whether an HTTP status is the expected one."""
        return re.fullmatch(self.status.replace("x", "[0-9]"), f"{status:03d}") is not None


def parse_expectation(text: str) -> Expectation:
    """
    The expectation that a word stands for.

    Raises:
        ValueError: no such word; the message lists them.
    """
    word = " ".join(text.split()).lower()
    if word in ("allow", "deny"):
        return Expectation(Word(word))
    if word in HELD_WORDS:
        return Expectation(HELD_WORDS[word], held=True)
    if word in _OUTCOMES:
        return Expectation(Word.OUTCOME, outcome=_OUTCOMES[word])
    if match := re.fullmatch(r"http ([1-5](?:[0-9]{2}|[0-9]x|xx))", word):
        return Expectation(Word.HTTP, status=match[1])
    raise ValueError(f"not a valid expectation: {text!r} (it is one of: {', '.join(WORDS)})")
