"""docs/reliability.md: the tests that it names exist, and there are as many cases as it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text()
TEST = re.compile(r"`([\w/]+\.py::test_\w+)`(?: \((\w+)\))?")
"""A test, and perhaps the word that its cases must hold to count here."""
ROW = re.compile(r"\| (F\d\d) \|(.*)\| ([^|]*) \|")
ROWS = {match[1]: (TEST.findall(match[2]), match[3].strip()) for match in ROW.finditer(PAGE)}


@pytest.fixture(scope="module")
def cases():
    """Test -> the ids of its cases, those of the nightly run included."""
    files = sorted({f"tests/{test.partition('::')[0]}" for test, _ in TEST.findall(PAGE)})
    options = ["--collect-only", "-q", "-p", "no:cacheprovider"]
    options += ["-o", "addopts=--import-mode=importlib"]
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    found = {}
    for line in listed.splitlines():
        test, _, case = line.removeprefix("tests/").partition("[")
        found.setdefault(test, []).append(case)
    return found


def test_every_fault_has_one_row():
    assert list(ROWS) == [f"F{number:02}" for number in range(1, 66)]


def test_every_test_that_the_page_names_exists():
    named = [test.split("::") for test, _ in TEST.findall(PAGE)]

    texts = {file: (ROOT / "tests" / file).read_text() for file, _ in named}
    assert [t for f, t in named if not re.search(rf"^ *(async )?def {t}\(", texts[f], re.M)] == []


@pytest.mark.nightly
def test_the_page_counts_what_is_run(cases):
    for fault, (tests, counted) in ROWS.items():
        tried = sum(word in case for test, word in tests for case in cases[test])
        right = f"{tried} / {tried}" if tests else "-"
        assert counted == right, f"{fault} has {right} cases by now"


def test_the_page_says_how_many_faults_are_shown():
    shown = sum(bool(tests) for tests, _ in ROWS.values())

    assert f"{shown} of {len(ROWS)} faults are shown by tests" in PAGE
