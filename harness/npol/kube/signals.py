"""
From a signal to an orderly way out.

The first SIGINT, SIGTERM or SIGHUP ends what the run is doing by raising `Stopped` in the
main thread, but never in the middle of a write (`shield`). Later ones raise nothing: the
restore goes on. Only a second SIGINT says that somebody will not wait (`hurried`): the
restore then ends after the write at hand.

A reader of the output that went away (`npol run STORY | head -1`) counts as SIGPIPE. It is no
handler's affair: every broken connection to a server would call it, too (`pull`).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ECHO = 0.25
"""Seconds. A terminal and a wrapper (make, uv) both pass on one Ctrl-C: it counts once."""


_entered: list[Stop] = []
"""Those that handle the signals of this process now; the last one counts."""


def pull(number: int) -> None:
    """As if a signal had come that is no signal here, to whoever handles them now."""
    if _entered:
        _entered[-1].take(number)


class Stopped(KeyboardInterrupt):
    """A signal asked the run to end. A KeyboardInterrupt, so that pytest tears down."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """What the process should exit with once the restore is complete."""
        return 128 + self.number


class Stop:
    """
    Handles the signals while it is entered, and remembers them.

    Outside the main thread Python installs no handlers; then it only keeps still.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, echo: float = ECHO) -> None:
        self.number = 0
        """The first signal; 0 for none."""
        self.hurried = False
        self._now = now
        self._echo = echo
        self._interrupted_at: float | None = None
        self._shields = 0
        self._raised = self._restoring = False
        self._before: dict[int, Any] = {}
        self._children: list[Stop] = []

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                    continue  # nohup: the user wants the run to outlive the terminal
                self._before[number] = signal.signal(number, self._handle)
            _entered.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self not in _entered:
            return
        place = _entered.index(self)
        _entered.remove(self)
        if place < len(_entered):
            # who was entered later handles them, and leaves them as they were
            _entered[place]._before = self._before
        else:
            for number, handler in self._before.items():
                signal.signal(number, handler)
        self._before = {}

    def child(self) -> Stop:
        """
        For a transaction of its own, beside this one's or within it: told of the same signals,
        which its own checks raise. Its shields and its restore keep none from this one.
        """
        own = Stop(self._now, self._echo)
        self._children.append(own)
        self._tell_children()
        return own

    def ask(self, number: int, *, hurried: bool = False) -> None:
        """Remember somebody else's signal; the next check raises it."""
        self.number = self.number or number
        self.hurried = self.hurried or hurried

    @contextmanager
    def shield(self) -> Iterator[None]:
        """What runs inside is not interrupted; a signal that came meanwhile is raised after."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        self._raise_if_due()

    def check(self) -> None:
        """Raise a signal that came meanwhile, shield or not: between two tries of a wait."""
        if not self._restoring:
            self.raise_kept_back()

    def raise_kept_back(self) -> None:
        """Raise a signal that came while the restore went on, for who would go on after it."""
        if self.number and not self._raised:
            self._raised = True
            raise Stopped(self.number)

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """What runs inside is never interrupted, and a first signal is not raised after it."""
        self._restoring = True
        yield

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            self._count_interrupt()
        self.take(number)

    def take(self, number: int) -> None:
        """Remember a signal, and raise it unless a shield or the restore stands before it."""
        self.number = self.number or number
        self._tell_children()
        self._raise_if_due()

    def _tell_children(self) -> None:
        for own in self._children:
            own.ask(self.number, hurried=self.hurried)

    def _count_interrupt(self) -> None:
        now = self._now()
        first = self._interrupted_at
        if first is None and not self.number:
            self._interrupted_at = now
        elif first is None or now - first >= self._echo:
            self.hurried = True

    def _raise_if_due(self) -> None:
        if not self._shields:
            self.check()
