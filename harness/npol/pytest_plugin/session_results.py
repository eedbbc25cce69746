"""What the runs of one pytest session came to, those of its xdist workers among them."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from npol.errors import ExitCode
from npol.pytest_plugin.boundary import Defect, hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npol.model.result import StoryReport

JOB_SUMMARY = "GITHUB_STEP_SUMMARY"
ANNOTATING_PLUGIN = "pytest_github_actions_annotate_failures"
"""It annotates failures of all tests, stories among them."""
OUTCOMES = ("passed", "failed", "skipped")
FINAL = (*OUTCOMES, "xfailed", "xpassed")
"""What pytest counts results as that no later try replaces."""


class SessionResults:
    """Reports, what is left to restore, and the files of `--npol-collect`."""

    def __init__(self) -> None:
        self.reports: list[StoryReport] = []
        self.incomplete: list[str] = []
        """The commands that give the cluster back where a run could not."""
        self.collected: list[str] = []
        self.crashed = False
        """Whether npol itself broke in the course of a test."""
        self.refused = False
        """Whether preflight refused a run, which ends the session."""
        self.notes: list[str] = []
        """What should be known of the session, one line each."""
        self.shared_files: list[str] = []
        """Directories by which workers wait for each other."""

    def pytest_exception_interact(self, call: Any) -> None:
        self.crashed = self.crashed or isinstance(call.excinfo.value, Defect)

    @property
    def exit_code(self) -> ExitCode | None:
        """How the session ends whatever its tests came to, if it does."""
        if self.incomplete:
            return ExitCode.RESTORE_INCOMPLETE
        if self.crashed:
            return ExitCode.CRASHED
        return ExitCode.REFUSED if self.refused else None

    @hook
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        found = list(self._last_tries(terminalreporter.stats))
        if found:
            from npol.report.pytest_text import session_summary

            terminalreporter.section("connectivity")
            config = terminalreporter.config
            width = min(max(terminalreporter._tw.fullwidth, 60), 140)
            verbose = config.get_verbosity() > 0
            for line in session_summary(found, self.reports, width, verbose=verbose):
                terminalreporter.write_line(line)
        remedies = (f"the cluster is NOT as it was found; run: {r}" for r in self.incomplete)
        for line in (*dict.fromkeys(self.notes), *self.collected, *remedies):
            terminalreporter.write_line(line)
        if self.reports:
            self._write_for_others(terminalreporter)

    def _write_for_others(self, terminalreporter: Any) -> None:
        """What a CI job is known to read, and the page that leads to those of `--npol-report`."""
        from npol.report.annotations import workflow_commands
        from npol.report.write import append_summary, write_index

        config = terminalreporter.config
        if directory := config.getoption("--npol-report"):
            write_index(directory, self.reports)
        if file := os.environ.get(JOB_SUMMARY):
            append_summary(file, self.reports)
        others = config.pluginmanager.has_plugin(ANNOTATING_PLUGIN)
        if os.environ.get("GITHUB_ACTIONS") == "true" and not others:
            for line in workflow_commands(self.reports):
                terminalreporter.write_line(line)

    def _last_tries(self, stats: dict[str, list[Any]]) -> Iterator[Any]:
        """The results that count: what was asked once more has others before them."""
        reports = {id(r): r for name in FINAL for r in stats.get(name, ())}
        for report in reports.values():
            if hasattr(report, "npol") and report.when == "call" and report.outcome in OUTCOMES:
                yield report.npol

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
            "refused": self.refused,
            "notes": self.notes,
            "shared_files": self.shared_files,
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
        self.refused = self.refused or told.get("refused", False)
        self.notes += told.get("notes", [])
        self.shared_files += told.get("shared_files", [])

    def remove_shared_files(self) -> None:
        """When no worker is left."""
        for directory in set(self.shared_files):
            shutil.rmtree(directory, ignore_errors=True)
