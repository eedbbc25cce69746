"""Each turn of a watched flow as a line of JSON, written as it is seen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from npol.errors import InputError
from npol.model.gap import FlowTurn

STANDARD_OUTPUT = "-"


def begin(path: str | None) -> None:
    """
    Make the file, before anything is sent to a cluster.

    Raises:
        InputError: it cannot be written.
    """
    if path is None or path == STANDARD_OUTPUT:
        return
    try:
        Path(path).write_text("", encoding="utf-8")
    except OSError as error:
        raise InputError(f"--events {path}: {error.strerror}") from error


@contextmanager
def written(path: str | None) -> Iterator[Callable[[FlowTurn], object]]:
    """Where the lines go; nowhere without a path."""
    if path is None:
        yield lambda turn: None
        return
    if path == STANDARD_OUTPUT:
        yield lambda turn: print(_json(turn), file=sys.stdout, flush=True)
        return
    with open(path, "w", encoding="utf-8", buffering=1) as file:
        yield lambda turn: file.write(_json(turn) + "\n")


def _json(turn: FlowTurn) -> str:
    return json.dumps({**asdict(turn), "saw": turn.saw.value if turn.saw else "as expected"})
