"""What a container wrote, kept in memory for `kubectl logs`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from npol_lab.clock import nano_timestamp

LINES_KEPT = 10_000
"""Lines of one container that are kept."""
BYTES_KEPT = 10 << 20
"""The kubelet rotates at 10 MiB, too."""
LONGEST = 256 << 10
"""Bytes after which a line is one, whether it has ended or not."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its newline; the last one of a container may lack it."""

    time: float
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """The query of `GET .../log`, without what the API layer does itself."""

    follow: bool = False
    tail: int | None = None
    since: float | None = None
    """Seconds since the epoch."""
    timestamps: bool = False
    limit: int | None = None
    """Bytes after which the answer ends."""


class Log:
    """The output of one run of a container: written by the runtime, read by many."""

    def __init__(self, *, clock: Callable[[], float] = time.time, hide: bytes = b"") -> None:
        """`hide`: lines with it are not kept; for complaints that mean nothing in a lab."""
        self._clock = clock
        self._hide = hide
        self._lines: deque[Line] = deque()
        self._size = 0
        self._partial = b""
        self._count = 0
        self._closed = False
        self._changed: set[asyncio.Event] = set()
        self._taps: set[asyncio.StreamReader] = set()

    def write(self, data: bytes) -> None:
        for tap in self._taps:
            tap.feed_data(data)
        *whole, self._partial = (self._partial + data).split(b"\n")
        for line in whole:
            self._add(line + b"\n")
        if len(self._partial) > LONGEST:
            rest, self._partial = self._partial, b""
            self._add(rest)

    def print(self, text: str) -> None:
        """One line, as a program's own logger would write it."""
        self.write(text.encode() + b"\n")

    def _add(self, text: bytes) -> None:
        if self._hide and self._hide in text:
            return
        self._lines.append(Line(self._clock(), text))
        self._count += 1
        self._size += len(text)
        while self._size > BYTES_KEPT or len(self._lines) > LINES_KEPT:
            self._size -= len(self._lines.popleft().text)
        self._tell()

    def _tell(self) -> None:
        for changed in self._changed:
            changed.set()

    def close(self) -> None:
        """The container has ended; who follows is done after the last line."""
        if self._partial:
            rest, self._partial = self._partial, b""
            self._add(rest)
        self._closed = True
        self._tell()
        for tap in list(self._taps):
            self.untap(tap)

    def tap(self) -> asyncio.StreamReader:
        """What is written from now on, byte by byte, until the log closes or `untap`."""
        reader = asyncio.StreamReader()
        self._taps.add(reader)
        if self._closed:
            self.untap(reader)
        return reader

    def untap(self, reader: asyncio.StreamReader) -> None:
        self._taps.discard(reader)
        reader.feed_eof()

    async def read(self, options: LogOptions) -> AsyncIterator[bytes]:
        left = options.limit
        async for line in self._wanted(options):
            text = _shown(line, options)
            if left is not None:
                text = text[:left]
                left -= len(text)
            if text:
                yield text
            if left == 0:
                return

    async def _wanted(self, options: LogOptions) -> AsyncIterator[Line]:
        lines = [ln for ln in self._lines if options.since is None or ln.time >= options.since]
        if options.tail is not None:
            lines = lines[-options.tail :] if options.tail > 0 else []
        seen = self._count
        for line in lines:
            yield line
        if options.follow:
            async for line in self._after(seen):
                yield line

    async def _after(self, seen: int) -> AsyncIterator[Line]:
        changed = asyncio.Event()
        self._changed.add(changed)
        try:
            while True:
                changed.clear()
                fresh = min(self._count - seen, len(self._lines))
                seen = self._count
                for line in list(self._lines)[len(self._lines) - fresh :]:
                    yield line
                if self._closed and seen == self._count:
                    return
                if seen == self._count:
                    await changed.wait()
        finally:
            self._changed.discard(changed)


def _shown(line: Line, options: LogOptions) -> bytes:
    if not options.timestamps:
        return line.text
    return nano_timestamp(line.time).encode() + b" " + line.text
