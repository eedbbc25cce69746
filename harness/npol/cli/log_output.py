"""The log on standard error: `-v` and `-vv`, or the variable NPOL_LOG."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from npol.errors import InputError
from npol.kube.sanitize import plain
from npol.report.escape import safe

VARIABLE = "NPOL_LOG"
LEVELS = {"info": logging.INFO, "debug": logging.DEBUG}
FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s"

Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        help="Log what is done to standard error; -vv: reads, too. Also: NPOL_LOG=info|debug.",
    ),
]


class OneLine(logging.Formatter):
    """A line for each record, with its time; what looks like a credential is masked."""

    def format(self, record: logging.LogRecord) -> str:
        return safe(plain(super().format(record)))


@contextmanager
def logged(verbose: int) -> Iterator[None]:
    """
    Write npol's log to standard error meanwhile; `verbose` counts the option.

    Raises:
        InputError: the variable holds no level.
    """
    level = _level(verbose)
    if level is None:
        yield
        return
    log, handler = logging.getLogger("npol"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(FORMAT, "%H:%M:%S"))
    log.setLevel(level)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)


def _level(verbose: int) -> int | None:
    named = os.environ.get(VARIABLE, "")
    if named and named.lower() not in LEVELS:
        raise InputError(f"{VARIABLE}={named} is not a level", hint=f"one of: {', '.join(LEVELS)}")
    if verbose:
        return logging.INFO if verbose == 1 else logging.DEBUG
    return LEVELS.get(named.lower())
