"""
Places where a test may have this process struck by a signal.

Every write to a cluster or to the local journal stands inside `around(NAME)`, so a run can
be killed just before and just after each of them. `NPOL_FAIL_POINT` holds what to do:
`journal.append.before:KILL`, a third part for the nth time that the place is reached
(`policy.create.after:TERM:3`), several parted by commas. It only ever signals this process.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "NPOL_FAIL_POINT"
SIDES = ("before", "after")

_reached: Counter[str] = Counter()


@contextmanager
def around(name: str) -> Iterator[None]:
    """Mark a write: `NAME.before` and, when it did not fail, `NAME.after`."""
    _reach(f"{name}.before")
    yield
    _reach(f"{name}.after")


def _reach(point: str) -> None:
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    _reached[point] += 1
    for part in wanted.split(","):
        name, sign, nth = (*part.split(":"), "1")[:3]
        if name == point and int(nth) == _reached[point]:
            os.kill(os.getpid(), signal.Signals[f"SIG{sign}"])
