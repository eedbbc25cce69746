"""The tutorial: its files are those of fixtures/first-steps, its outputs those of real runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.printed import steady

ROOT = Path(__file__).parents[2]
FIRST_STEPS = ROOT / "fixtures/first-steps"
FILE = re.compile(r"^```yaml title=\"(?P<name>[^\"]+)\"\n(?P<text>.*?)^```", re.M | re.S)
RUN = re.compile(r"^```console\n\$ (?P<line>npol [^\n]+)\n(?P<told>.*?)^```", re.M | re.S)
PYTHON = re.compile(r"^```python\n(?P<text>.*?)^```", re.M | re.S)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """A folder with the files of the tutorial, outside of any repository."""
    shutil.copytree(FIRST_STEPS, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_files_of_the_tutorial_are_those_that_run():
    shown = {match["name"]: match["text"] for match in FILE.finditer(page("tutorial.md"))}

    assert shown == {
        str(file.relative_to(FIRST_STEPS)): file.read_text() for file in FIRST_STEPS.rglob("*.yaml")
    }


@pytest.mark.lab
@pytest.mark.nightly
def test_the_tutorial_shows_what_its_commands_print(folder, monkeypatch):
    monkeypatch.setenv("NPOL_FLOW_RECORDS", "off")
    runs = list(RUN.finditer(page("tutorial.md")))

    for run in runs:
        command = f"{Path(sys.executable).parent}/{run['line']}"
        done = subprocess.run(
            command, shell=True, cwd=folder, capture_output=True, text=True, check=False
        )
        assert steady(done.stdout) == steady(run["told"]), done.stderr
    assert len(runs) == 4


@pytest.mark.lab
@pytest.mark.nightly
def test_the_test_in_python_passes(folder):
    (folder / "test_shop.py").write_text(PYTHON.search(page("how-to/python.md"))["text"])

    subprocess.run([sys.executable, "-m", "pytest", "-q", "test_shop.py"], cwd=folder, check=True)
