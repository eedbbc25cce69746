"""
Files of records, read to their end: lines of Hubble, answers of Whisker, or both in one.

What a data plane's log rotation has put aside is read with the file itself.
"""

from __future__ import annotations

import gc
import glob
import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import JSONDecodeError
from typing import IO

from npol.errors import InputError
from npol.flow_records.hubble import parsed
from npol.flow_records.line import LostRecords, UnreadableLine
from npol.flow_records.observed_flows import ObservedFlows
from npol.flow_records.tail import STDIN
from npol.flow_records.whisker import BEGINNING, NoAnswer, is_item, items, whisker_flow
from npol.model.flow_record import FlowRecord
from npol.model.observed import ObservedTraffic, UnreadRecord

FIRST = 5
"""Unreadable lines that are named one by one."""
LOOK = 256
_GZIP = b"\x1f\x8b"
_WANTED = (
    "`hubble observe -o jsonpb`, Hubble's export file, or what Whisker answers at "
    "/whisker-backend/flows"
)


def read_observed(paths: Sequence[str]) -> ObservedTraffic:
    """
    All that files (`-`: standard input) hold, with what was rotated beside them.

    Raises:
        InputError: one cannot be read, or holds no record at all.
    """
    reading = _FilesInProgress()
    with _nothing_collected():
        for path in paths:
            before = reading.records
            for file in [path] if path == STDIN else [*_rotated(path), path]:
                reading.file(file)
            if reading.records == before:
                raise InputError(reading.nothing_in(path), hint=f"what is read: {_WANTED}")
        return reading.traffic()


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Records are many and have no cycles; looking for some costs a tenth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@dataclass(slots=True)
class _FilesInProgress:
    flows: ObservedFlows = field(default_factory=ObservedFlows)
    files: list[str] = field(default_factory=list)
    hubble: int = 0
    whisker: int = 0
    lost: int = 0
    cut_off: list[UnreadRecord] = field(default_factory=list)
    unread: list[UnreadRecord] = field(default_factory=list)
    unread_lines: int = 0

    @property
    def records(self) -> int:
        return self.hubble + self.whisker

    def traffic(self) -> ObservedTraffic:
        return ObservedTraffic(
            flows=tuple(self.flows.flows()),
            records=self.records,
            files=tuple(self.files),
            plugin="cilium" if self.hubble >= self.whisker else "calico",
            left_out=dict(self.flows.left_out),
            lost=self.lost,
            cut_off=tuple(self.cut_off),
            unread=tuple(self.unread),
            unread_lines=self.unread_lines,
        )

    def nothing_in(self, path: str) -> str:
        name = "standard input" if path == STDIN else path
        first = next((u for u in (*self.unread, *self.cut_off) if u.file == name), None)
        return f"{name} holds no flow records" + (f"; {first}" if first else ": it is empty")

    def file(self, path: str) -> None:
        name = "standard input" if path == STDIN else path
        self.files.append(name)
        try:
            with _opened(path) as stream:
                if BEGINNING.match(stream.peek(LOOK)):
                    self._answers(name, stream.read().decode("utf-8", "replace"))
                else:
                    self._lines(name, stream)
        except (OSError, EOFError, zlib.error) as error:
            why = getattr(error, "strerror", None) or "its compression is cut off or broken"
            raise InputError(f"{name}: {why}") from None

    def _lines(self, name: str, stream: IO[bytes]) -> None:
        for number, line in enumerate(stream, 1):
            if not line.isspace():
                self._line(name, number, line)

    def _line(self, name: str, number: int, line: bytes) -> None:
        read = parsed(line)
        if isinstance(read, FlowRecord):
            self.hubble += 1
            self.flows.add(read)
        elif isinstance(read, LostRecords):
            self.hubble += 1
            self.lost += read.count
        elif not isinstance(read, UnreadableLine):
            self.hubble += 1
        elif not self._item(line):
            whole = line.endswith(b"\n")
            problem = read.problem if whole else "cut off: it has no end"
            self._note(UnreadRecord(file=name, line=number, problem=problem), whole)

    def _item(self, line: bytes) -> bool:
        """Whether a line is one flow of Whisker (`jq -c '.items[]'`)."""
        try:
            item = json.loads(line)
            if not isinstance(item, dict) or not is_item(item):
                return False
            self.flows.add_whisker(whisker_flow(item))
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            return False
        self.whisker += 1
        return True

    def _answers(self, name: str, text: str) -> None:
        try:
            for at, item in items(text):
                try:
                    self.flows.add_whisker(whisker_flow(item))
                    self.whisker += 1
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    problem = f"no flow of Whisker ({type(error).__name__})"
                    self._note(_unread(name, text, at, problem), True)
        except (JSONDecodeError, RecursionError) as error:
            whole = isinstance(error, NoAnswer) or text.rstrip().endswith("}")
            problem = "not JSON" if whole else "cut off: it has no end"
            at = min(getattr(error, "pos", 0), len(text.rstrip()))
            self._note(_unread(name, text, at, problem), whole)

    def _note(self, unread: UnreadRecord, whole: bool) -> None:
        if not whole:
            self.cut_off.append(unread)
            return
        self.unread_lines += 1
        if len(self.unread) < FIRST:
            self.unread.append(unread)


def _unread(name: str, text: str, at: int, problem: str) -> UnreadRecord:
    return UnreadRecord(file=name, line=text.count("\n", 0, at) + 1, problem=problem)


@contextmanager
def _opened(path: str) -> Iterator[io.BufferedReader]:
    """A file as its bytes, unpacked where rotation has packed it."""
    if os.path.isdir(path):
        raise InputError(f"{path} is a directory", hint=f"name files: {_WANTED}")
    with open(0 if path == STDIN else path, "rb", closefd=path != STDIN) as file:
        if file.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
            yield file
            return
        with gzip.open(file) as packed:
            yield io.BufferedReader(packed)


def _rotated(path: str) -> Iterator[str]:
    """
    The older parts of a file, oldest first: `events.log.2.gz`, `events.log.1` as logrotate names
    them, `events-2026-11-28T22-39-49.559.log` as Hubble's exporter does.
    """
    stem, extension = os.path.splitext(path)
    numbered = re.compile(re.escape(path) + r"\.(\d+)(\.gz)?")
    dated = re.compile(
        re.escape(stem) + r"-\d{4}-\d\d-\d\dT[\d.-]+" + re.escape(extension) + r"(\.gz)?"
    )
    beside = glob.glob(f"{glob.escape(stem)}*")
    yield from sorted(file for file in beside if dated.fullmatch(file))
    old = [(int(m[1]), file) for file in beside if (m := numbered.fullmatch(file))]
    yield from (file for _, file in sorted(old, reverse=True))
