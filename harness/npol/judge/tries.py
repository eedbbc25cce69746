"""
What one try of a watched flow tells, and of which instant. Pure.

That is the instant of its first packet: it is waited for less than a second SYN takes, so an answer
later than that is the answer of a machine that was busy, and silence is the network's only where
the source was on time.
"""

from __future__ import annotations

from dataclasses import dataclass

from npol.judge.probes import SILENT
from npol.model.expectation import Expectation, Outcome, Word
from npol.model.gap import GapKind
from npol.model.probe import Answer

SECOND_SYN = 0.9
"""Seconds. A SYN without answer is sent again after one second (RFC 6298, 2.1)."""
ON_TIME = 0.2
"""Seconds that a source may be late for its silence to be the network's, and nothing else's."""


@dataclass(frozen=True, slots=True)
class Try:
    """
    What one try saw at one instant. None: what was expected; NOT_SEEN: a silence that may be its
    source's own.
    """

    at: float
    saw: GapKind | None
    late: float = 0.0
    """Seconds since then for which its source may have been too busy to send, or to hear."""
    silent: bool = False
    """Whether what it saw is that nothing came."""

    @property
    def told_at(self) -> float:
        """What a late source found as expected, it found at the end: nobody saw the time before."""
        return self.at + self.late if self.saw is None and self.late > ON_TIME else self.at


def try_of(expectation: Expectation, answer: Answer, asked_at: float) -> Try | None:
    """
    What one answer tells: nothing, where the probe did not run, or where a source that was late
    heard the silence that was expected.

    `asked_at`: when it was asked, on the clock that all tries of a flow share.
    """
    silent = _unanswered(expectation, answer)
    if answer.starved or (silent and answer.late > ON_TIME):
        doubt = Try(asked_at, GapKind.NOT_SEEN, answer.late, silent=True)
        return None if expectation.closed else doubt
    if answer.outcome is Outcome.ERROR:
        return None
    return Try(asked_at, _seen(expectation, answer), answer.late, silent=silent)


def _unanswered(expectation: Expectation, answer: Answer) -> bool:
    """Nothing came: of a server that is to answer requests, a connection is no answer."""
    no_status = expectation.word is Word.HTTP and not answer.status
    return answer.outcome in SILENT or (answer.outcome is Outcome.OPEN and no_status)


def _seen(expectation: Expectation, answer: Answer) -> GapKind | None:
    if expectation.closed:
        return GapKind.OPEN if _answered(expectation, answer) else None
    if answer.outcome is not Outcome.OPEN:
        return GapKind.CLOSED
    if expectation.word is Word.HTTP and not expectation.accepts_status(answer.status):
        return GapKind.WRONG_ANSWER
    return None


def _answered(expectation: Expectation, answer: Answer) -> bool:
    """Whether somebody got through to whom nobody should: a DNS server answers with a no, too."""
    no_name = Outcome.DNS_NEGATIVE
    negative = answer.outcome is no_name and expectation.outcome is not no_name
    return negative or answer.outcome is Outcome.OPEN
