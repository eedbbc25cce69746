"""
A run as JSON, and back: what every other report can be written from later.

`schema_version` counts the incompatible changes; `json_schema` writes it all down. Names are those
of `npol.model.result`; readers ignore names that they do not know. One run is a `report`, several
in one file are `reports`. `summary`, `seen`, a check's
`reason` and a reason's `words` are for other programs and are not read. Expectations are written
as in a story.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from npol.errors import ExitCode, InputError, worst
from npol.model.causes import Cause
from npol.model.expectation import Expectation, parse_expectation
from npol.model.prediction import Prediction
from npol.model.reason import Reason
from npol.model.result import CheckResult, FlowResult, StoryReport
from npol.model.sentence import Sentence
from npol.report.causes import fact_words
from npol.report.reasons import reason_words
from npol.report.seen_and_why import expected_words, seen_words, why_words
from npol.report.summary import counted, meaning

SCHEMA_VERSION = 3
_LINE_BEGINS = '{"schema_version":'


def to_json(report: StoryReport) -> str:
    """One run, indented, newline at the end."""
    return json.dumps({**_head([report]), "report": _plain(report)}, indent=1) + "\n"


def to_json_together(reports: Sequence[StoryReport]) -> str:
    """Several runs, or none, the same way."""
    return json.dumps(_together(reports), indent=1) + "\n"


def to_json_line(reports: Sequence[StoryReport]) -> str:
    """
    Several runs in one line, without its end: the last one of a log.

    What a CI's runner would take for a command is spelt otherwise, and read as before.
    """
    line = json.dumps(_together(reports), separators=(",", ":"))
    return line.replace("##", r"\u0023#").replace("::", r"\u003a:")


def _together(reports: Sequence[StoryReport]) -> dict[str, Any]:
    return {**_head(reports), "reports": [_plain(report) for report in reports]}


def _head(reports: Sequence[StoryReport]) -> dict[str, Any]:
    status = worst(report.exit_status for report in reports)
    summary = {
        "exit_code": status,
        "meaning": meaning(status),
        "results": counted(result for report in reports for result in report.results),
        "passed": status == ExitCode.AS_EXPECTED,
    }
    return {"schema_version": SCHEMA_VERSION, "summary": summary}


def from_json(text: str | bytes) -> StoryReport:
    """
    The run that `to_json` wrote.

    Raises:
        InputError: see `reports_from_json`; or the file does not tell of one run.
    """
    found = reports_from_json(text)
    if len(found) != 1:
        raise InputError(f"the file tells of {len(found)} runs, and one is wanted")
    return found[0]


def reports_from_json(text: str | bytes) -> list[StoryReport]:
    """
    The runs that this module wrote.

    Raises:
        InputError: it is no such file, or of a schema version that is not known here.
    """
    try:
        data = json.loads(text)
        version = data["schema_version" if "schema_version" in data else "schemaVersion"]
        bodies = data["reports"] if "reports" in data else [data["report"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError("not a report of npol", hint="give a file of --report") from error
    if version != SCHEMA_VERSION:
        raise InputError(f"the report has schema version {version!r}, known is {SCHEMA_VERSION}")
    try:
        return [_value(StoryReport, body) for body in _of_type(bodies, list)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError("this report is damaged", hint="run the story again") from error


def reports_of_log(text: str) -> list[StoryReport] | None:
    """
    What the line of `to_json_line` in a log says; None where there is none.

    It is not always the last one: what a program has to say at its end goes into the log, too.
    """
    lines = (line for line in reversed(text.splitlines()) if line.startswith(_LINE_BEGINS))
    line = next(lines, None)
    return None if line is None else reports_from_json(line)


def result_data(result: FlowResult | CheckResult) -> dict[str, Any]:
    """One result as plain data, which also travels between pytest-xdist's processes."""
    kind = "check" if isinstance(result, CheckResult) else "flow"
    return {"kind": kind, **_plain(result)}


def result_from(data: Mapping[str, Any]) -> FlowResult | CheckResult:
    """The result that `result_data` took apart."""
    model = CheckResult if data["kind"] == "check" else FlowResult
    return typing.cast(FlowResult | CheckResult, _value(model, data))


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Expectation):
        return str(value)
    if isinstance(value, Prediction):
        return {**_fields(value), "detail": fact_words(value.detail)}
    if isinstance(value, Cause):
        return {**_fields(value), "what": fact_words(value.what)}
    if isinstance(value, FlowResult):
        return {**_fields(value), "seen": str(value.seen)}
    if isinstance(value, Reason):
        return {**_fields(value), "words": reason_words(value)}
    if isinstance(value, CheckResult):
        words = {"seen": seen_words(value), "reason": why_words(value)}
        return {**_fields(value), **words, "expected": expected_words(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}


@functools.cache
def _hints(model: type) -> dict[str, Any]:
    return typing.get_type_hints(model)


def _value(kind: Any, data: Any) -> Any:
    """`data` as a value of the type `kind`."""
    # The annotations of npol.model.result are all there is: str | None, tuple, Mapping, ...
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if Sentence in args:
            return Sentence(_of_type(data, str)) if data else None
        inner = next(a for a in args if a is not types.NoneType)
        return None if data is None else _value(inner, data)
    if origin is tuple:
        return tuple(_value(args[0], d) for d in _of_type(data, list))
    if origin is not None:
        return dict(_of_type(data, dict))
    if kind is Expectation:
        return parse_expectation(_of_type(data, str))
    if dataclasses.is_dataclass(kind):
        model = typing.cast(type, kind)
        known = {n: hint for n, hint in _hints(model).items() if n in _of_type(data, dict)}
        return model(**{name: _value(hint, data[name]) for name, hint in known.items()})
    if issubclass(kind, enum.Enum):
        return kind(data)
    return float(data) if kind is float else _of_type(data, kind)


def _of_type(data: Any, kind: type) -> Any:
    if not isinstance(data, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data
