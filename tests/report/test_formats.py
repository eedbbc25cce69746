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
from npol.cli.arguments.run import RunArguments
from npol.errors import InputError, Position
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.expectation import Expectation, Verdict
from npol.model.reason import Reason, ReasonCode
from npol.report.formats import FORMATS, together
from npol.report.write import SUFFIXES, format_of

FINDINGS = {code.value: CheckFinding(code=code, names=("a",)) for code in FindingCode}
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

    spelt = r"\u003a:error" if name == "line" else r"\x3a:error"
    assert spelt in text.replace("#92;", "\\")
    assert [line for line in text.splitlines() if COMMAND.search(line)] == []


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"json"}))
def test_no_format_shows_a_value_where_words_belong(name, report):
    """A reason has no spelling of its own: what is not put into words shows as Python does."""
    skipped = Reason(code=ReasonCode.NO_SUCH_OBJECT, subject="Pod x")
    (check,) = report.steps[0].checks
    checks = tuple(replace(check, name=n, reasons=(why,)) for n, why in FINDINGS.items())
    failed = tuple(replace(c, verdict=Verdict.WRONG_ANSWER) for c in checks)
    steps = (*report.steps, replace(report.steps[0], name="more", checks=failed, skipped=skipped))

    text = FORMATS[name](replace(report, steps=steps))

    assert re.findall(r"\w+\(code=\S*|ReasonCode\.\w+|FindingCode\.\w+", text) == []


def test_the_command_line_offers_registered_formats_only():
    assert {shape.value for shape in ReportFormat} <= set(FORMATS)
    assert set(SUFFIXES.values()) <= set(FORMATS)


def test_every_suffix_that_the_help_names_is_known():
    (option,) = RunArguments.__annotations__["report"].split("'--report'")[1:]

    assert set(re.findall(r"(?<=[ '])(\.[\w.]+\w)", option)) <= set(SUFFIXES)


@pytest.mark.parametrize(
    ("file", "shape"),
    [("a.json", "json"), ("a.gitlab.json", "gitlab"), ("A.HTML", "html"), ("a.b.xml", "junit")],
)
def test_a_suffix_chooses_the_format(file, shape):
    assert format_of(file) == shape


def test_a_suffix_that_says_nothing_is_refused():
    with pytest.raises(InputError, match=r"a\.pdf: its suffix names no format"):
        format_of("a.pdf")


def test_several_runs_share_a_file_where_its_format_can_hold_them(report):
    other = replace(report, story="other")

    assert "other" in together("junit", [report, other])
    with pytest.raises(InputError, match="holds one run, these are 2"):
        together("svg", [report, other])


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
    together("json", [report, report])

    assert writers
    assert reached == {name for _, name in writers}
