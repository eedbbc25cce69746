"""`tools/room_sizes.py`: lines per room, for any layout that there was."""

import importlib
from pathlib import PurePosixPath

import pytest

from tests.test_coverage import ROOT


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("room_sizes")


@pytest.mark.parametrize(
    ("files", "rooms"),
    [
        pytest.param(
            ["harness/npol/__init__.py", "harness/npol/run/__init__.py", "harness/npol/run/a/b.py"],
            {"npol": 1, "npol.run": 2},
            id="two-packages",
        ),
        pytest.param(
            ["harness/__init__.py", "harness/lab/__init__.py", "harness/plan.py"],
            {"harness": 1, "harness.lab": 1, "harness.plan": 1},
            id="one-package",
        ),
        pytest.param(["tests/run/test_a.py", "tools/b.py"], {"tests": 1, "tools": 1}, id="beside"),
    ],
)
def test_a_room_is_what_stands_below_its_package(tool, files, rooms):
    sources = {PurePosixPath(file): b"" for file in files}

    assert {room: size.files for room, size in tool.sizes(sources).items()} == rooms


def test_a_size_counts_lines_and_functions(tool):
    text = b"class A:\n    def f(self): ...\n\nasync def g(): ...\n"

    assert tool.Size.of(text) == tool.Size(files=1, functions=2, lines=4)


def test_a_room_adds_up_its_files(tool):
    sources = {PurePosixPath("tools/a.py"): b"x = 1\n", PurePosixPath("tools/b.py"): b"y = 1\n" * 2}

    assert tool.sizes(sources) == {"tools": tool.Size(files=2, functions=0, lines=3)}
