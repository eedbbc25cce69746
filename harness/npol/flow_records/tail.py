"""
Whole lines of a file or stream that grows: over rotation (another file of that name), over
truncation, and without waiting for an end.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Iterator

from npol.errors import InputError

CHUNK = 1 << 16
LONGEST_LINE = 1 << 20
"""Bytes; what is longer is no record, and is passed over in parts."""
STDIN = "-"


class LineSplitter:
    """Bytes as they come, whole lines as they are complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        yield from (line for line in lines if line.strip())
        if len(self._rest) > LONGEST_LINE:
            yield self._rest
            self._rest = b""

    def drop(self) -> bytes:
        """The beginning of a line that will have no end."""
        rest, self._rest = self._rest, b""
        return rest


class Tail:
    """What is written to a path from now on; a pipe or standard input is read whole."""

    def __init__(self, path: str, *, from_start: bool = False) -> None:
        """
        Raises:
            InputError: it cannot be read.
        """
        self.ended = False
        """Whether a stream's writer has closed it; a file never ends."""
        self._path = path
        self._splitter = LineSplitter()
        self._skip = False
        self._file = self._open()
        self._seekable = stat.S_ISREG(os.fstat(self._file).st_mode) and path != STDIN
        if self._seekable and not from_start:
            self._to_end()

    def read(self, wait: float) -> Iterator[bytes]:
        """The lines that are new; it waits at most `wait` seconds for the first of a stream."""
        if not self._seekable:
            yield from self._read_stream(wait)
            return
        yield from self._rest_of_file()
        if self._replaced():
            yield from self._rest_of_file()  # what was written before it was replaced
            yield from self._next_file()
        elif os.fstat(self._file).st_size < os.lseek(self._file, 0, os.SEEK_CUR):
            os.lseek(self._file, 0, os.SEEK_SET)
            self._forget_beginning()
            yield from self._rest_of_file()

    def close(self) -> None:
        if self._file > 0:
            os.close(self._file)
        self._file = -1

    def _open(self) -> int:
        if self._path == STDIN:
            return 0
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"flow records: {self._path}: {error.strerror}") from None
        if stat.S_ISDIR(os.fstat(file).st_mode):
            os.close(file)
            raise InputError(f"flow records: {self._path} is a directory")
        return file

    def _to_end(self) -> None:
        """What stands there is of the past; a line that is being written has lost its head."""
        end = os.lseek(self._file, 0, os.SEEK_END)
        self._skip = end > 0 and os.pread(self._file, 1, end - 1) != b"\n"

    def _rest_of_file(self) -> Iterator[bytes]:
        while data := os.read(self._file, CHUNK):
            yield from self._lines(data)

    def _read_stream(self, wait: float) -> Iterator[bytes]:
        if self.ended or not select.select([self._file], [], [], wait)[0]:
            return
        try:
            data = os.read(self._file, CHUNK)
        except BlockingIOError:
            return
        if not data:
            self.ended = True
            rest = self._splitter.drop()
            if rest.strip():
                yield rest
        yield from self._lines(data)

    def _lines(self, data: bytes) -> Iterator[bytes]:
        for line in self._splitter.feed(data):
            if self._skip:
                self._skip = False
            else:
                yield line

    def _replaced(self) -> bool:
        try:
            now = os.stat(self._path)
        except OSError:  # between two files of that name
            return False
        own = os.fstat(self._file)
        return (now.st_dev, now.st_ino) != (own.st_dev, own.st_ino)

    def _next_file(self) -> Iterator[bytes]:
        try:
            file = self._open()
        except InputError:
            return
        os.close(self._file)
        self._file = file
        self._forget_beginning()
        yield from self._rest_of_file()

    def _forget_beginning(self) -> None:
        self._splitter.drop()
        self._skip = False
