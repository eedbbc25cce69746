"""docs/reliability.md: the tests that it names exist, and there are as many cases as it says."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text()
TEST = re.compile(r"`([\w/]+\.py::test_\w+)`")
ROW = re.compile(r"\| (F\d\d) \|(.*)\| ([^|]*) \|")
ROWS = {match[1]: (TEST.findall(match[2]), match[3].strip()) for match in ROW.finditer(PAGE)}


@pytest.fixture(scope="module")
def cases():
    """How many cases each test has, those of the nightly run included."""
    files = sorted({f"tests/{test.partition('::')[0]}" for test in TEST.findall(PAGE)})
    options = ["--collect-only", "-q", "-p", "no:cacheprovider"]
    options += ["-o", "addopts=--import-mode=importlib"]
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    names = (line.partition("[")[0] for line in listed.splitlines() if "::" in line)
    return Counter(name.removeprefix("tests/") for name in names)


def test_every_fault_has_one_row():
    assert list(ROWS) == [f"F{number:02}" for number in range(1, 63)]


def test_every_test_that_the_page_names_exists(cases):
    assert [test for test in TEST.findall(PAGE) if not cases[test]] == []


def test_the_page_counts_what_is_run(cases):
    for fault, (tests, counted) in ROWS.items():
        tried = sum(cases[test] for test in tests)
        right = f"{tried} / {tried}" if tests else "-"
        assert counted == right, f"{fault} has {right} cases by now"


def test_the_page_says_how_many_faults_are_shown():
    shown = sum(bool(tests) for tests, _ in ROWS.values())

    assert f"{shown} of {len(ROWS)} faults are shown by tests" in PAGE
