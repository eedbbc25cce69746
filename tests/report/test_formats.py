"""What holds for every form in which a run is written, those of tomorrow included."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import pytest

import npol.report
from npol.cli.arguments.report import ReportFormat
from npol.errors import Position
from npol.model.expectation import Expectation
from npol.report.formats import FORMATS

EVIL = "::error::x ::add-mask::y\n::set-env name=A::z\r##[group]w ##vso[task.setvariable]v"
COMMAND = re.compile(r"^\s*::(?!error file=|error title=npol)[A-Za-z][\w-]*(\s.*)?::|##\w*\[", re.M)


def poisoned(value):
    """The same value with hostile words in all of its texts."""
    if isinstance(value, Enum | Position | Expectation):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: poisoned(getattr(value, f.name)) for f in fields(value) if f.init}
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(map(poisoned, value))
    if isinstance(value, dict):
        return {key: poisoned(item) for key, item in value.items()}
    return f"{value} {EVIL}" if value and isinstance(value, str) else value


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"json"}))
def test_no_format_lets_a_command_to_the_runner_through(name, report):
    hostile = poisoned(report)

    text = FORMATS[name](hostile)

    assert r"\x3a:error" in text
    assert [line for line in text.splitlines() if COMMAND.search(line)] == []


def test_the_command_line_offers_registered_formats_only():
    assert {shape.value for shape in ReportFormat} <= set(FORMATS)


def test_every_function_that_writes_a_whole_run_stands_behind_a_format(monkeypatch, report):
    """Whatever is called `to_...` in the reports is reached by some format."""
    reached = set()
    writers = [
        (module, name)
        for found in pkgutil.iter_modules(npol.report.__path__)
        if (module := importlib.import_module(f"npol.report.{found.name}"))
        for name, value in vars(module).items()
        if name.startswith("to_") and getattr(value, "__module__", "") == module.__name__
    ]
    formats = importlib.import_module("npol.report.formats")
    for _, name in writers:
        real = getattr(formats, name, None)
        if real is None:
            continue

        def spy(*arguments, name=name, real=real):
            reached.add(name)
            return real(*arguments)

        monkeypatch.setattr(formats, name, spy)
    for name, write in FORMATS.items():
        (formats.to_json if name == "json" else write)(report)

    assert writers
    assert reached == {name for _, name in writers}
