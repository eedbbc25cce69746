"""The progress of the command that runs in this process: there is one terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from npol.progress import Progress, on_stream, ticking

SHOWN_BY = frozenset({"run", "probe", "rollback"})
"""Commands that speak to a cluster for seconds; the others answer at once."""

_nothing = Progress(lambda text: None, rewrites=False)
_current = [_nothing]


def progress() -> Progress:
    """Where to say what goes on; outside of `shown`, nowhere."""
    return _current[-1]


@contextmanager
def shown(command: str, *, quiet: bool) -> Iterator[None]:
    """
    A command begins, before its modules are loaded.

    `quiet`: it writes a log to the same place.
    """
    if command not in SHOWN_BY:
        yield
        return
    current = on_stream(sys.stderr, quiet=quiet)
    _current.append(current)
    current.say(f"loading npol {command}")
    try:
        with ticking(current):
            yield
    finally:
        _current.pop()
