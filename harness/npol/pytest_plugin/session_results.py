"""What the runs of one pytest session came to, those of its xdist workers among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from npol.errors import ExitCode
from npol.pytest_plugin.boundary import Defect, hook

if TYPE_CHECKING:
    from npol.model.result import StoryReport


class SessionResults:
    """Reports, what is left to restore, and the files of `--npol-collect`."""

    def __init__(self) -> None:
        self.reports: list[StoryReport] = []
        self.incomplete: list[str] = []
        """The commands that give the cluster back where a run could not."""
        self.collected: list[str] = []
        self.crashed = False
        """Whether npol itself broke in the course of a test."""

    def pytest_exception_interact(self, call: Any) -> None:
        self.crashed = self.crashed or isinstance(call.excinfo.value, Defect)

    @property
    def exit_code(self) -> ExitCode | None:
        """How the session ends whatever its tests came to, if it does."""
        if self.incomplete:
            return ExitCode.RESTORE_INCOMPLETE
        return ExitCode.CRASHED if self.crashed else None

    @hook
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        reports = [r for group in terminalreporter.stats.values() for r in group]
        found = [r.npol for r in reports if hasattr(r, "npol") and r.when == "call"]
        if found:
            from npol.report.pytest_text import session_summary

            terminalreporter.section("connectivity")
            config = terminalreporter.config
            width = min(max(terminalreporter._tw.fullwidth, 60), 140)
            verbose = config.get_verbosity() > 0
            for line in session_summary(found, self.reports, width, verbose=verbose):
                terminalreporter.write_line(line)
        remedies = (f"the cluster is NOT as it was found; run: {r}" for r in self.incomplete)
        for line in (*self.collected, *remedies):
            terminalreporter.write_line(line)

    def as_json(self) -> list[tuple[StoryReport, str]]:
        if not self.reports:
            return []
        from npol.report.json import to_json

        return [(report, to_json(report)) for report in self.reports]

    def of_worker(self, reports: list[tuple[StoryReport, str]]) -> dict[str, Any]:
        """What a worker hands to its controller (`pytest_testnodedown`)."""
        texts = [text for _, text in reports]
        return {
            "reports": texts,
            "incomplete": self.incomplete,
            "collected": self.collected,
            "crashed": self.crashed,
        }

    @pytest.hookimpl(optionalhook=True)
    @hook
    def pytest_testnodedown(self, node: Any) -> None:
        """What a worker of pytest-xdist ran; nothing comes from one that crashed."""
        told = getattr(node, "workeroutput", {}).get("npol", {})
        if reports := told.get("reports"):
            from npol.report.json import from_json

            self.reports += map(from_json, reports)
        self.incomplete += told.get("incomplete", [])
        self.collected += told.get("collected", [])
        self.crashed = self.crashed or told.get("crashed", False)
