"""What the documents name exists: tests, files, commands."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

import npol
from npol.cli.app import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEST = re.compile(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
PATH = re.compile(r"(?<![\w/])(?:tests|fixtures|docs|tools|benchmarks)/[\w./-]*\w")
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
"""A rule of the Makefile that is meant to be called."""
MODULE = re.compile(r"`((?:npol|npol_lab)(?:\.\w+)+)`")
COMMAND = re.compile(r"(?:^ {4}|`)npol ([a-z]+)", re.MULTILINE)


@cache
def names_in(file: Path) -> frozenset[str]:
    """The names of a module's tests, those of classes included."""
    tree = ast.parse(file.read_text())
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


def named_tests() -> list[tuple[str, str, str]]:
    return [(page.name, *found) for page in PAGES for found in TEST.findall(page.read_text())]


def test_every_test_that_a_page_names_exists():
    missing = [
        f"{page}: {file}::{name}"
        for page, file, name in named_tests()
        if not (ROOT / "tests" / file).exists()
        or (name and name not in names_in(ROOT / "tests" / file))
    ]

    assert missing == []


def test_every_fault_of_verdicts_names_its_test():
    _, _, faults = (ROOT / "docs/verdicts.md").read_text().partition("## Faults")
    rows = [line for line in faults.splitlines() if line.startswith("|")]
    rows = [row for row in rows if not row.startswith(("| fault ", "|---"))]

    assert len(rows) > 40
    assert [row for row in rows if not TEST.search(row)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    links = LINK.findall(page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_that_a_page_names_exists(page):
    named = {m.replace(".", "/") for m in MODULE.findall(page.read_text())}
    found = [ROOT / "harness" / module for module in sorted(named)]

    assert [m for m in found if not m.is_dir() and not m.with_suffix(".py").exists()] == []


def test_every_command_that_the_readme_names_is_one():
    named = set(COMMAND.findall((ROOT / "README.md").read_text()))

    assert {"run", "plan", "recover"} <= named
    assert named - set(COMMANDS) == set()


def test_every_flaw_says_what_would_mend_it():
    blocks = (ROOT / "docs/critiques.md").read_text().split("\n\n")
    flaws = [block for block in blocks if block.startswith("**")]

    assert len(flaws) > 15
    assert [flaw for flaw in flaws if "mend" not in flaw] == []


def test_every_section_on_costs_has_its_command_a_machine_and_a_limit():
    sections = (ROOT / "docs/performance.md").read_text().split("\n## ")[1:]

    assert len(sections) > 10
    for section in sections:
        commands = re.findall(r"python (benchmarks/\w+\.py)", section)
        assert commands, section
        assert all((ROOT / command).exists() for command in commands)
        assert re.search(r"cores|at a load", section), section
        assert re.search(r"[Ll]imit", section), section


def test_every_file_that_contributing_names_exists():
    named = set(PATH.findall((ROOT / "CONTRIBUTING.md").read_text()))
    patterns = {"docs/decisions/NNNN-title.md", "tests/ROOM"}

    assert {"docs/architecture.md", "fixtures/webapp"} <= named
    assert [path for path in named - patterns if not (ROOT / path).exists()] == []


def test_make_help_lists_every_target():
    text = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)

    printed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    listed = [line.split(maxsplit=2) for line in printed.splitlines()]
    assert [words[:2] for words in listed] == [["make", target] for target in phony.split()]
    assert all(len(words) == 3 for words in listed)
    assert TARGET.findall(text) == phony.split()


def test_the_changelog_has_this_version():
    assert f"\n## [{npol.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
