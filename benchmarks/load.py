"""
Tests beside busy processes: `python benchmarks/load.py [PROCESSES [PYTEST ARGUMENT ...]]`.

30 and the whole suite without them. Counts the tests that fail, and among them the false
verdicts: those whose failure speaks of one. There is to be none, of any kind.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from npol.model.expectation import Verdict

ROOT = Path(__file__).parent.parent
PROCESSES = 30
SUITE = ("-n", "4")
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
"""Ends with its parent, whatever becomes of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the tests."""

    tests: int
    skipped: int
    failed: dict[str, str]
    """By the test's name: the words of its failure."""

    @property
    def false_verdicts(self) -> dict[str, list[str]]:
        """Failed tests that speak of a verdict, and of which."""
        spoken = {name: verdicts_in(words) for name, words in self.failed.items()}
        return {name: found for name, found in spoken.items() if found}


def main() -> None:
    processes = int((*sys.argv[1:], str(PROCESSES))[0])
    arguments = sys.argv[2:] or SUITE
    began = time.monotonic()
    with busy(processes), tempfile.TemporaryDirectory() as directory:
        result = run(arguments, Path(directory) / "junit.xml")
    show(result, processes, time.monotonic() - began)
    sys.exit(1 if result.failed else 0)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """That many processes that want the processor all the time."""
    started = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for each in started:
            each.kill()
            each.wait()


def run(arguments: Sequence[str], report: Path) -> Outcome:
    """The tests; a run that ends without a report is no measurement."""
    command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    if not report.exists():
        raise SystemExit(f"pytest ended with {ended.returncode} and wrote no report")
    return outcome(report.read_text())


def outcome(junit: str) -> Outcome:
    """Raises SystemExit where no test ran."""
    suites = ET.fromstring(junit).iter("testsuite")
    cases = [case for suite in suites for case in suite.iter("testcase")]
    if not cases:
        raise SystemExit("no test ran")
    failed = {
        f"{case.get('classname')}::{case.get('name')}": f"{bad.get('message')}\n{bad.text}"
        for case in cases
        for bad in [*case.iter("failure"), *case.iter("error")]
    }
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Outcome(tests=len(cases), skipped=skipped, failed=failed)


def verdicts_in(words: str) -> list[str]:
    """The verdicts that the lines of an assertion name, and not those in the test's own text."""
    said = "\n".join(line for line in words.splitlines() if line.startswith(("E ", "Assert")))
    return [v.value for v in Verdict if re.search(rf"\b{re.escape(v.value)}\b", said)]


def show(result: Outcome, processes: int, seconds: float) -> None:
    false = result.false_verdicts
    print(
        f"beside {processes} busy processes on {os.cpu_count()} processors: {result.tests} tests, "
        f"{result.skipped} skipped, {len(result.failed)} failed, "
        f"{len(false)} with a false verdict, {seconds:.0f} s"
    )
    for kind, number in Counter(v for found in false.values() for v in found).items():
        print(f"  {kind}: {number}")
    for name in result.failed:
        print(f"  {name}: {', '.join(false.get(name, ())) or 'no verdict'}")


if __name__ == "__main__":
    main()
