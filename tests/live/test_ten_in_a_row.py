"""Ten times the same story, half of them beside busy processes: no verdict may differ."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from npol.model.result import CheckResult, FlowResult, StoryReport
from npol.report.seen_and_why import why_words
from tests import shop

pytestmark = [
    pytest.mark.live,
    pytest.mark.nightly,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("journals"),
]

BASELINE = Path(__file__).parents[2] / "fixtures" / "baseline" / "baseline.npol.yaml"
TIMES, BUSY_PROCESSES, BUSY_AT_MOST = 10, 2, 600
BUSY = f"import signal; signal.alarm({BUSY_AT_MOST})\nwhile True: pass"
"""Ends by itself, should nobody be left to end it."""


def test_the_baseline_has_the_same_verdicts_ten_times_in_a_row(options, enforced, overlay):
    if not enforced:
        pytest.skip("this cluster does not enforce policies: see test_no_engine.py")
    story = shop.read(str(BASELINE), overlay)
    reports = []
    for number in range(TIMES):
        with busy() if number % 2 else nullcontext():
            reports.append(shop.told(story, options))
        print(f"{number + 1} of {TIMES}: {reports[-1].seconds:.1f} s, {shop.wrong(reports[-1])}")

    assert [report.error for report in reports] == [""] * TIMES
    assert differing(reports) == []
    assert shop.wrong(reports[0]) == []
    assert all(report.restore and report.restore.complete for report in reports)


@contextmanager
def busy() -> Iterator[None]:
    """Two processes that want a CPU each."""
    command = [sys.executable, "-c", BUSY]
    processes = [subprocess.Popen(command) for _ in range(BUSY_PROCESSES)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def differing(reports: Iterable[StoryReport]) -> list[str]:
    """Flows and checks whose verdicts are not the same in all runs, one line each."""
    told: defaultdict[str, list[FlowResult | CheckResult]] = defaultdict(list)
    for report in reports:
        for result in report.results:
            told[f"{result.step} :: {result.name}"].append(result)
    return [
        f"{name}: {', '.join(f'{verdict_of(r)} {why_words(r)}'.strip() for r in results)}"
        for name, results in told.items()
        if len({verdict_of(r) for r in results}) > 1
    ]


def verdict_of(result: FlowResult | CheckResult) -> str:
    return "skipped" if result.skipped else result.verdict.value
