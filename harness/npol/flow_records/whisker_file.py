"""
A file in the form of Whisker's `GET /whisker-backend/flows`, beside a run.

Calico tells its flows 15 to 30 s late, summed up, without source ports and addresses. So nothing
waits for them: the file is read whole whenever somebody asks what it holds by then.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from json import JSONDecodeError
from pathlib import Path

from npol.errors import InputError
from npol.flow_records.tail import STDIN
from npol.flow_records.whisker import (
    BEGINNING,
    WhiskerFlow,
    items,
    whisker_flow,
    whisker_lines,
)
from npol.model.probe import PodRef

LOOK = 1 << 16
"""Bytes in which the form of a file is seen."""


def is_whisker_file(path: str) -> bool:
    """
    Whether it holds answers of Whisker already; a pipe, and an empty file, are read line by line.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if path == STDIN or not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            head = file.read(LOOK)
    except OSError as error:
        raise InputError(f"flow records: {path}: {error.strerror}") from None
    return bool(BEGINNING.match(head) or whisker_lines(head.split(b"\n", 1)[0]))


class WhiskerFile:
    """The flows of a file that tell of this run's time."""

    store = None

    def __init__(self, path: str, *, now: Callable[[], float] = time.time) -> None:
        """`now`: seconds since 1970."""
        self._path = path
        self._began = now()
        self._problem = ""

    def follow(self, sources: Iterable[PodRef], nodes: Collection[str]) -> None:
        """Whoever writes it has chosen."""

    def summed(self) -> Sequence[WhiskerFlow]:
        return tuple(dict.fromkeys(f for f in self._flows() if f.time >= self._began))

    def notes(self) -> list[str]:
        found = len(self.summed())
        said = f"{found or 'no'} flow{'' if found == 1 else 's'} of Calico in this run's time"
        late = "they stand beside the verdicts, prove no probe, and come 15 to 30 s late"
        problem = f"flow records: {self._path}: {self._problem}"
        return [
            f"flow records: {self._path}: {said}; {late}",
            *([problem] if self._problem else []),
        ]

    def close(self) -> None:
        """Nothing is open."""

    def _flows(self) -> Iterator[WhiskerFlow]:
        """All that are whole; what is not is kept as the file's problem."""
        self._problem = ""
        try:
            text = Path(self._path).read_text("utf-8", "replace")
        except OSError as error:  # it was there when the run began
            self._problem = error.strerror or type(error).__name__
            return
        yield from self._answers(text) if BEGINNING.match(text.encode()) else self._lines(text)

    def _answers(self, text: str) -> Iterator[WhiskerFlow]:
        try:
            for at, item in items(text):
                try:
                    yield whisker_flow(item)
                except (AttributeError, KeyError, TypeError, ValueError):
                    self._note(text.count("\n", 0, at) + 1, "no flow of Whisker")
        except (JSONDecodeError, RecursionError) as error:
            line = text.count("\n", 0, getattr(error, "pos", 0)) + 1
            self._note(line, "cut off, or no answer of Whisker")

    def _lines(self, text: str) -> Iterator[WhiskerFlow]:
        for number, line in enumerate(text.splitlines(), 1):
            found = whisker_lines(line)
            yield from found
            if line.strip() and not found:
                self._note(number, "no flow of Whisker")

    def _note(self, line: int, problem: str) -> None:
        self._problem = self._problem or f"line {line}: {problem}"
