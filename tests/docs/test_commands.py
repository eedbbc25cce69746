"""The commands of npol and pytest that pages and pipelines name are ones that are understood."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from pathlib import Path

import click
import pytest

from npol.cli.app import COMMANDS, SPELLED, load

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("fixtures/*/*.md")])
PIPELINES = sorted(
    file
    for pattern in (".github/workflows/*.yml", "action.yml", "ci/**/*", "Containerfile")
    for file in ROOT.glob(pattern)
    if file.is_file()
)
LINE = re.compile(r"^(?: {4,}|- (?:run: )?|\$ |\s+run: )?\s*(?P<line>(?:npol|pytest) .*)$")
PIPED = re.compile(r" (?:[|>#]|&&|\|\||2>) ?.*")
"""What follows a command in a shell, or says what it does."""


def lines_of(file: Path) -> list[str]:
    """Each line of a file that calls npol or pytest."""
    found = [LINE.match(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [PIPED.sub("", match["line"]).strip() for match in found if match]


UNKNOWN = object()
ALL = [(str(f.relative_to(ROOT)), line) for f in (*PAGES, *PIPELINES) for line in lines_of(f)]
NPOL = [(f, line) for f, line in ALL if line.split()[0] == "npol" and line.split()[1] in COMMANDS]
PYTEST = [(f, line) for f, line in ALL if line.startswith("pytest ") and "--" in line]


@pytest.mark.parametrize(("file", "line"), NPOL)
def test_a_command_that_is_shown_is_understood(file, line):
    _, name, *words = shlex.split(line)
    words = [SPELLED.get(word, word) for word in words]

    with suppress(click.exceptions.Exit):  # `--help` ends it there
        load(name).make_context(f"npol {name}", words)


@pytest.mark.parametrize(("file", "line"), PYTEST)
def test_an_option_of_pytest_that_is_shown_is_one(file, line, pytestconfig):
    named = re.findall(r"--((?:npol|kube)[\w-]*)", line)

    assert [n for n in named if pytestconfig.getoption(f"--{n}", default=UNKNOWN) is UNKNOWN] == []


def test_pages_show_commands_at_all():
    assert len(NPOL) > 30
    assert len(PYTEST) > 3
