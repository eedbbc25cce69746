"""What was answered, as a value that is spelt as stories spell it."""

from __future__ import annotations

from dataclasses import dataclass

from npol.model.expectation import Outcome

_HELD = {Outcome.OPEN: "lives", Outcome.TIMEOUT: "cut", Outcome.RESET: "cut (reset)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenOutcome:
    """One answer: `open`, `timeout`, `http 504`; nothing where nothing was asked."""

    outcome: Outcome | None
    status: int = 0
    """That of an HTTP answer; 0 without one."""
    subject: str = ""
    """Who answered; "" for the flow as a whole."""
    held: bool = False
    """Whether it is what a connection did that is held open."""

    def __str__(self) -> str:
        if self.held and self.outcome in _HELD:
            return _HELD[self.outcome]
        if self.status:
            return f"http {self.status}"
        return self.outcome.value if self.outcome else ""

    def __bool__(self) -> bool:
        return self.outcome is not None
