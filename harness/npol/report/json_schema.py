"""
The JSON Schema of reports, out of the values that they are written from.

`python -m npol.report.json_schema` prints it: that is `schemas/report-3.json`.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from typing import Any

from npol.model.expectation import Expectation
from npol.model.reason import Reason
from npol.model.result import CheckResult, FlowResult, StoryReport
from npol.model.sentence import Sentence
from npol.report.json import SCHEMA_VERSION

_PRIMITIVES = {str: "string", int: "integer", float: "number", bool: "boolean"}

_WORDS = {FlowResult: ("seen",), CheckResult: ("seen", "reason"), Reason: ("words",)}
"""What is written for other programs beside the values."""


def schema() -> dict[str, Any]:
    """Draft-07. What is not named may be added later: readers ignore what they do not know."""
    definitions: dict[str, Any] = {}
    report = _of(StoryReport, definitions)
    summary = {
        "exit_code": {"type": "integer"},
        "meaning": {"type": "string"},
        "results": {"type": "string"},
        "passed": {"type": "boolean"},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "npol report",
        "type": "object",
        "required": ["schema_version", "summary"],
        "oneOf": [{"required": ["report"]}, {"required": ["reports"]}],
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "summary": {"type": "object", "required": list(summary), "properties": summary},
            "report": report,
            "reports": {"type": "array", "items": report},
        },
        "definitions": dict(sorted(definitions.items())),
    }


def _of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if Sentence in args:
            return {"type": "string"}
        options = [a for a in args if a is not types.NoneType]
        return {"anyOf": [*(_of(a, definitions) for a in options), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _of(args[0], definitions)}
    if origin is not None:
        return {"type": "object", "additionalProperties": _of(args[1], definitions)}
    if kind is Expectation:
        return {"type": "string"}
    if dataclasses.is_dataclass(kind):
        model = typing.cast(type, kind)
        _define(model, definitions)
        return {"$ref": f"#/definitions/{model.__name__}"}
    if issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    return {"type": _PRIMITIVES[kind]}


def _define(model: type, definitions: dict[str, Any]) -> None:
    if model.__name__ in definitions:
        return
    made: dict[str, Any] = {"type": "object"}
    definitions[model.__name__] = made
    hints = typing.get_type_hints(model)
    names = [f.name for f in dataclasses.fields(model)]
    fields = {name: _of(hints[name], definitions) for name in names}
    for name in _WORDS.get(model, ()):
        fields[name] = {"type": "string"}
    made |= {"required": list(fields), "properties": fields}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1))
