"""Defects of npol on the command line: told on standard error, with an exit code of their own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from npol.errors import ExitCode, is_defect


def show_crash(error: BaseException) -> int:
    """What there is to say of a defect, and how the command ends."""
    from npol.crash import crash_text

    print(crash_text(error), file=sys.stderr)
    return int(ExitCode.CRASHED)


@contextmanager
def crashes_shown() -> Iterator[None]:
    """A defect ends what is inside, and is told; whoever goes on knows of it by other ways."""
    try:
        yield
    except Exception as error:
        if not is_defect(error):
            raise
        show_crash(error)


def show_uncaught() -> None:
    """Errors of threads, and those that nobody can catch any more, are told in the same way."""
    sys.excepthook = lambda kind, error, trace: _show(error)
    sys.unraisablehook = lambda args: _show(args.exc_value)
    threading.excepthook = lambda args: _show(args.exc_value)


def _show(error: BaseException | None) -> None:
    if isinstance(error, Exception):
        show_crash(error)
