"""Pseudo-terminals that programs in containers see as theirs."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from io import FileIO


class Terminal:
    """The runtime's end of a pseudo-terminal, as streams. Made by `connect`."""

    def __init__(self, file: FileIO, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._file = file
        self.reader = reader
        self.writer = writer

    def resize(self, columns: int, rows: int) -> None:
        if not self._file.closed:
            size = struct.pack("HHHH", rows, columns, 0, 0)
            fcntl.ioctl(self._file, termios.TIOCSWINSZ, size)


async def connect(end: int) -> Terminal:
    """Read and write the terminal; its descriptor closes when the last program has left it."""
    loop = asyncio.get_running_loop()
    file, copy = (os.fdopen(fd, "r+b", buffering=0) for fd in (end, os.dup(end)))
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, copy)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: _Reader(reader, transport), file)
    return Terminal(file, reader, asyncio.StreamWriter(transport, protocol, None, loop))


class _Reader(asyncio.StreamReaderProtocol):
    """A terminal whose program has ended reads as an I/O error: the end of the stream."""

    def __init__(self, stream: asyncio.StreamReader, writing: asyncio.WriteTransport) -> None:
        super().__init__(stream)
        self._writing = writing

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(None)
        self._writing.abort()
