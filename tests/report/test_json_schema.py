"""The published schema of reports: in step with the code, and true of what is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from npol.report.json import SCHEMA_VERSION, to_json, to_json_together
from npol.report.json_schema import schema

PUBLISHED = Path(__file__).parents[2] / "schemas" / f"report-{SCHEMA_VERSION}.json"
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def misfits(value: Any, rule: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """Where a value is not what a rule of the schema says."""
    if "$ref" in rule:
        rule = schema()["definitions"][rule["$ref"].rpartition("/")[2]]
    if "anyOf" in rule:
        if all(any(misfits(value, option)) for option in rule["anyOf"]):
            yield f"{at}: fits no option"
        return
    if "enum" in rule and value not in rule["enum"]:
        yield f"{at}: {value!r} is none of {rule['enum']}"
    if "const" in rule and value != rule["const"]:
        yield f"{at}: {value!r}"
    if "type" in rule and not isinstance(value, TYPES[rule["type"]]):
        yield f"{at}: {value!r} is no {rule['type']}"
        return
    if isinstance(value, dict):
        yield from (
            f"{at}.{name} is missing" for name in rule.get("required", ()) if name not in value
        )
        for name, part in value.items():
            inner = rule.get("properties", {}).get(name, rule.get("additionalProperties"))
            yield from (
                misfits(part, inner, f"{at}.{name}") if inner else [f"{at}.{name} is unknown"]
            )
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield from misfits(part, rule["items"], f"{at}[{number}]")


def test_the_published_schema_is_the_one_of_the_code():
    made = json.loads(json.dumps(schema()))

    assert json.loads(PUBLISHED.read_text()) == made, (
        f"write it anew: python -m npol.report.json_schema > {PUBLISHED.name}"
    )


def test_a_report_is_what_the_schema_says(report):
    assert list(misfits(json.loads(to_json(report)), schema())) == []


def test_a_report_that_is_not_is_found(report):
    data = json.loads(to_json(report))
    data["summary"]["exit_code"] = "1"
    del data["report"]["story"]
    data["report"]["steps"][0]["flows"][0]["verdict"] = "fine"

    assert len(list(misfits(data, schema()))) == 3


def test_all_names_are_spelt_alike():
    names = {
        name
        for model in [schema(), *schema()["definitions"].values()]
        for name in model.get("properties", {})
    }

    assert len(names) > 100
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_several_reports_are_what_the_schema_says(report):
    assert list(misfits(json.loads(to_json_together([report, report])), schema())) == []
