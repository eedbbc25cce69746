"""
Tests beside busy processes: `python benchmarks/load.py PROCESSES PYTEST_ARGUMENT ...`.

`make bench-load` takes 30, and the whole suite with all stories for labs. Counts the tests that
fail, and among them the false verdicts: those whose failure speaks of one. There is to be none, of
any kind. Failures by time speak of none, and of a time that was up. After LONGEST the tests are
stopped; those that ran count. The last line has the numbers.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from npol.model.expectation import Verdict

ROOT = Path(__file__).parent.parent
LONGEST, ENDING = 9000.0, 120.0
"""Seconds for the tests, and for their end when these are over."""
BY_TIME = re.compile(r"Timeout(Error|Expired)|Timeout \(>|timed out|time is up|\d\.\d+ <=? ")
"""What a failure says of a time that was up, or that was longer than it should be."""
HEADING = re.compile("^([A-Z][A-Z ,]+): ", re.MULTILINE)
"""How the explanation of a story's flow begins: `TOO CLOSED: web -> db:5432`."""
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

    @property
    def by_time(self) -> list[str]:
        """The others that failed for want of time."""
        others = self.failed.keys() - self.false_verdicts.keys()
        return [name for name in others if BY_TIME.search(said_in(self.failed[name]))]


def main() -> None:
    processes, arguments = int(sys.argv[1]), sys.argv[2:]
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
    # in the session of the busy ones: Linux gives each session the same share of the processors
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}, process_group=0
    ) as tests:
        for seconds, sent in ((LONGEST, signal.SIGINT), (ENDING, signal.SIGKILL)):
            with suppress(subprocess.TimeoutExpired):
                tests.wait(seconds)
                break
            print(f"not over after {seconds:.0f} s: {sent.name}", flush=True)
            os.killpg(tests.pid, sent)
    if not report.exists():
        raise SystemExit(f"pytest ended with {tests.returncode} and wrote no report")
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
    """The verdicts that a failure names, and not those in the test's own text."""
    said = said_in(words)
    headings = " ".join(HEADING.findall(words))
    return [
        v.value
        for v in Verdict
        if re.search(rf"\b{re.escape(v.value)}\b", said) or v.value.upper() in headings
    ]


def said_in(words: str) -> str:
    """The lines of an assertion."""
    return "\n".join(line for line in words.splitlines() if line.startswith(("E ", "Assert")))


def show(result: Outcome, processes: int, seconds: float) -> None:
    false, by_time = result.false_verdicts, result.by_time
    for name in result.failed:
        kind = "by time" if name in by_time else ", ".join(false.get(name, ["no verdict"]))
        print(f"  {name}: {kind}")
    for kind, number in Counter(v for found in false.values() for v in found).items():
        print(f"  {kind}: {number}")
    others = len(result.failed) - len(false) - len(by_time)
    print(
        f"beside {processes} busy processes on {os.cpu_count()} processors, {seconds:.0f} s: "
        f"{result.tests} tests run, {result.skipped} skipped, {len(false)} false verdicts, "
        f"{len(by_time)} failures by time, {others} other failures"
    )


if __name__ == "__main__":
    main()
