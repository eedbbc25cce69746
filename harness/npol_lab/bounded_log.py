"""The lab's own log, of which pods may make no more than there is room for."""

from __future__ import annotations

import logging
from typing import TextIO

MOST = 10 << 20
"""Bytes, as many as are kept of a container's output."""
FULL = "the log is full: what comes now is left out"


class BoundedLog(logging.StreamHandler[TextIO]):
    """Every mistaken request and every odd datagram may be a complaint: it ends at `most` bytes."""

    def __init__(self, stream: TextIO | None = None, *, most: int = MOST) -> None:
        super().__init__(stream)
        self._left = most

    def emit(self, record: logging.LogRecord) -> None:
        if self._left < 0:
            return
        self._left -= len(self.format(record).encode(errors="replace")) + 1
        if self._left >= 0:
            super().emit(record)
        else:
            self.stream.write(f"{FULL}\n")
            self.flush()


def set_up() -> None:
    """Warnings of every part go to standard error."""
    shape = "%(asctime)s %(name)s: %(message)s"
    logging.basicConfig(format=shape, level=logging.WARNING, handlers=[BoundedLog()])
