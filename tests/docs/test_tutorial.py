"""The tutorial: its files are those of fixtures/first-steps, its outputs those of real runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from npol.cli.arguments.run import RunArguments
from npol.cli.run import run
from tests.docs.printed import steady

ROOT = Path(__file__).parents[2]
FIRST_STEPS = ROOT / "fixtures/first-steps"
FILE = re.compile(r"^```yaml title=\"(?P<name>[^\"]+)\"\n(?P<text>.*?)^```", re.M | re.S)
RUN = re.compile(r"^```console\n\$ (?P<line>npol [^\n]+)\n(?P<told>.*?)^```", re.M | re.S)
PYTHON = re.compile(r"^```python\n(?P<text>.*?)^```", re.M | re.S)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files of the tutorial, outside of any repository, where one is."""
    shutil.copytree(FIRST_STEPS, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NPOL_FLOW_RECORDS", raising=False)  # off at night
    return tmp_path


def test_the_files_of_the_tutorial_are_those_that_run():
    shown = {match["name"]: match["text"] for match in FILE.finditer(page("tutorial.md"))}

    assert shown == {
        str(file.relative_to(FIRST_STEPS)): file.read_text() for file in FIRST_STEPS.rglob("*.yaml")
    }


@pytest.mark.lab
@pytest.mark.nightly
def test_the_tutorial_shows_what_its_commands_print(folder):
    shown = list(RUN.finditer(page("tutorial.md")))

    for match in shown:
        command = f"{Path(sys.executable).parent}/{match['line']}"
        done = subprocess.run(
            command, shell=True, cwd=folder, capture_output=True, text=True, check=False
        )
        assert steady(done.stdout) == steady(match["told"]), done.stderr
    assert len(shown) == 4


@pytest.mark.lab
@pytest.mark.nightly
def test_the_picture_of_the_readme_is_what_npol_draws_of_it(folder):
    assert run(RunArguments(stories=["shop.npol.yaml"], report=["map.svg"])) == 0

    made = (folder / "map.svg").read_text()
    assert made == page("images/first-steps.svg"), "npol run --report docs/images/first-steps.svg"


@pytest.mark.lab
@pytest.mark.nightly
def test_the_test_in_python_passes(folder):
    (folder / "test_shop.py").write_text(PYTHON.search(page("how-to/python.md"))["text"])

    subprocess.run([sys.executable, "-m", "pytest", "-q", "test_shop.py"], cwd=folder, check=True)
