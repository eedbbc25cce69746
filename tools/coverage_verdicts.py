"""What became of stories and tests in the last run for docs/coverage.md."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LAST = ROOT / "out/coverage"
JUNIT = LAST / "junit.xml"
AS_EXPECTED, NOT_RUN = "as expected", "not run"
IDLE = "not counted"


def run(tests: Iterable[str]) -> int:
    """Run all stories and these tests in the lab; pytest's exit code."""
    shutil.rmtree(LAST, ignore_errors=True)
    here = [t for t in tests if not t.startswith("tests/live/")]
    options = ["-q", "-n", "2", f"--npol-report={LAST}", f"--junitxml={JUNIT}"]
    command = [sys.executable, "-m", "pytest", "fixtures", *here, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-4000:] + done.stderr[-4000:], file=sys.stderr)
    return done.returncode


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts of the last run, by story, step and item, and by test."""

    stories: Mapping[str, Mapping[str, Any]]
    tests: Mapping[str, str]

    @classmethod
    def of_last_run(cls) -> Verdicts:
        reports = [json.loads(p.read_text("utf-8"))["report"] for p in LAST.glob("*.json")]
        return cls({r["path"]: r for r in reports if _is_newer(r["path"])}, dict(_tests()))

    def of_story(self, file: str, step: str, item: str) -> str:
        """The worst verdict of a story's flows and checks, or of one step's, or of one item's."""
        report = self.stories.get(file)
        if report is None:
            return NOT_RUN
        steps = [s for s in report["steps"] if step in ("", s["name"])]
        results = [r for s in steps for r in (*s["checks"], *s["flows"])]
        return _worst([_verdict(r) for r in results if item in ("", r["name"])])

    def of_test(self, test: str) -> str:
        """The worst verdict of a test's cases, or of all tests in a file."""
        return _worst([v for name, v in self.tests.items() if _is_of(name, test)])


def _is_newer(story: str) -> bool:
    """Whether the run has seen the story as it is."""
    path = ROOT / story
    return path.is_file() and JUNIT.is_file() and path.stat().st_mtime < JUNIT.stat().st_mtime


def _is_of(name: str, test: str) -> bool:
    return name == test or ("::" not in test and name.startswith(f"{test}::"))


def _verdict(result: Mapping[str, Any]) -> str:
    if result["skipped"]:
        return f"{NOT_RUN}: {result['skipped']}"
    return IDLE if result.get("cannot_fail") else str(result["verdict"])


def _worst(verdicts: list[str]) -> str:
    """A failure beats all; then what was as expected; what is not counted comes last."""
    wrong = [v for v in verdicts if v not in (AS_EXPECTED, IDLE) and not v.startswith(NOT_RUN)]
    asked = [v for v in verdicts if v != IDLE]
    return next(iter((*wrong, *sorted(asked), *verdicts)), NOT_RUN)


def _tests() -> Iterable[tuple[str, str]]:
    """Tests of the last run by `file::function`; of several cases the worst is kept."""
    if not JUNIT.is_file():
        return
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(JUNIT).iter("testcase"):
        file = case.get("classname", "").replace(".", "/") + ".py"
        function = case.get("name", "").partition("[")[0]
        found.setdefault(f"{file}::{function}", []).append(_case(case))
    yield from ((name, _worst(verdicts)) for name, verdicts in found.items())


def _case(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "FAILED"
    return f"{NOT_RUN}: skipped" if "skipped" in kinds else AS_EXPECTED
