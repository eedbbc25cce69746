"""
What npol costs before it does anything, in seconds of CPU: `python benchmarks/startup.py`.

`npol --help` and completions as the shell asks for them, all as whole processes, and what
`import npol.pytest_plugin` adds to a pytest that is loaded anyway. Each is the median of several
processes. Exits with 1 if a figure is over its limit; the modules that cost most are shown below
each, by `python -X importtime`.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

RUNS = 9
WORST = 8
NPOL = "import sys; sys.argv[0] = 'npol'; from npol.cli import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Code that a Python is started for, and what it is compared with."""

    name: str
    code: str
    limit: float
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    without: str = ""
    """Code whose cost does not count."""


def completion(typed: str) -> Start:
    """What the shell starts when somebody asks for completions of what is typed."""
    last = str(len(typed.split()) - 1)
    return Start(
        name=f"completion of `{typed}`",
        code=NPOL,
        environment={"_NPOL_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": last},
        limit=0.15,
    )


STARTS = (
    Start(name="npol --help", code=NPOL, arguments=["--help"], limit=0.15),
    completion("npol r"),
    completion("npol run --"),
    Start(
        name="import npol.pytest_plugin",
        code="import pytest, npol.pytest_plugin",
        without="import pytest",
        limit=0.03,
    ),
)


def main() -> int:
    slow = 0
    for start in STARTS:
        seconds = _seconds(start.code, start)
        if start.without:
            seconds -= _seconds(start.without, start)
        slow += seconds > start.limit
        print(f"{start.name}: {seconds:.3f} s of CPU (limit {start.limit:.2f} s)")
        for line in _worst(start):
            print(f"    {line}")
    return 1 if slow else 0


def _seconds(code: str, start: Start) -> float:
    return statistics.median(_once(code, start) for _ in range(RUNS))


def _once(code: str, start: Start) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _python(start, "-c", code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _worst(start: Start) -> list[str]:
    """The modules that take longest themselves, imports of theirs not counted."""
    rows = [row.split("|") for row in _python(start, "-X", "importtime", "-c", start.code)]
    own = {row[2].strip(): int(row[0].split(":")[1]) for row in rows[1:] if len(row) == 3}
    if start.without:
        for row in _python(start, "-X", "importtime", "-c", start.without):
            own.pop(row.rpartition("|")[2].strip(), None)
    first = sorted(own, key=lambda name: -own[name])[:WORST]
    return [f"{own[name] / 1000:6.1f} ms  {name}" for name in first]


def _python(start: Start, *words: str) -> list[str]:
    """Its lines on standard error."""
    done = subprocess.run(
        [sys.executable, *words, *start.arguments],
        env={**os.environ, **start.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()


if __name__ == "__main__":
    sys.exit(main())
