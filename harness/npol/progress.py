"""
What goes on while nothing else is shown.

On a terminal one line that is written anew; elsewhere a line for every ten seconds of silence.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

FIRST_AFTER = 0.2
"""Seconds until a terminal shows something; shorter waits need no words."""
REDRAW_EVERY = 0.5
SILENCE = 10.0
"""Seconds of one stage without a line after which a log gets one."""
ERASE = "\r\x1b[K"


class Progress:
    """
    The stage that a run is in. Thread-safe; `tick` is called from time to time.

    What stands before the last ": " of a text is the stage, and its clock starts anew with it.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        rewrites: bool,
        width: Callable[[], int] = lambda: 80,
        now: Callable[[], float] = lambda: time.monotonic(),
    ) -> None:
        """
        Args:
            write: puts text where people look, and flushes it.
            rewrites: whether a line can be written anew there.
        """
        self._write = write
        self._rewrites = rewrites
        self._width = width
        self._now = now
        self._lock = threading.RLock()
        self._text = ""
        self._stage = ""
        self._since = self._shown_at = now()
        self._drawn = False

    def say(self, text: str) -> None:
        """What goes on from now; "" for nothing."""
        with self._lock:
            stage = text.rpartition(": ")[0] or text
            if stage != self._stage:
                self._stage, self._since = stage, self._now()
            self._text = text
            if not self._rewrites:
                self.tick()

    def tick(self) -> None:
        """Show it, if it is time."""
        with self._lock:
            now = self._now()
            silent_since = max(self._since, self._shown_at)
            due = self._since + FIRST_AFTER if self._rewrites else silent_since + SILENCE
            if not self._text or (now < due and not self._drawn):
                return
            line = f"{self._text}, {now - self._since:.0f} s"
            if self._rewrites:
                self._write(f"{ERASE}{line[: self._width() - 1]}")
                self._drawn = True
            else:
                self._write(f"npol: {line}\n")
            self._shown_at = now

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Meanwhile others write: the line is erased, and comes back at the next tick."""
        with self._lock:
            if self._drawn:
                self._write(ERASE)
                self._drawn = False
            try:
                yield
            finally:
                self._shown_at = self._now()


def on_stream(stream: TextIO, *, quiet: bool = False) -> Progress:
    """
    Progress where a stream leads. `quiet`: others write there, so no line may be rewritten.

    A dumb terminal, and a log that somebody reads later, get whole lines.
    """

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    dumb = os.environ.get("TERM") == "dumb" or bool(os.environ.get("CI"))
    rewrites = stream.isatty() and not dumb and not quiet
    return Progress(write, rewrites=rewrites, width=lambda: _columns(stream))


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


@contextmanager
def ticking(progress: Progress) -> Iterator[None]:
    """Somebody looks at the clock meanwhile; at the end nothing of it stays on the screen."""
    ended = threading.Event()

    def tick() -> None:
        pause = FIRST_AFTER
        while not ended.wait(pause):
            progress.tick()
            pause = REDRAW_EVERY

    thread = threading.Thread(target=tick, name="npol-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        progress.say("")
        with progress.aside():
            pass
