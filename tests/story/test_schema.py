"""The JSON Schema that is shipped: in step with the models, and useful in an editor."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from npol.story.schema.json_schema import schema as json_schema
from npol.yaml_positions import YamlDialect, load

FIXTURES = Path(__file__).parents[2] / "fixtures"


@cache
def shipped() -> dict[str, Any]:
    return json.loads(files("npol.story").joinpath("npol.schema.json").read_text())


def test_the_shipped_schema_is_the_one_of_the_models():
    made = json.loads(json.dumps(json_schema()))

    assert shipped() == made, "write it anew: python -m npol.story"


def test_the_schema_is_draft_07_without_newer_words():
    text = json.dumps(shipped())

    assert shipped()["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert not [
        w for w in ("prefixItems", "unevaluated", "$defs", "dependentRequired") if w in text
    ]


def test_every_mapping_and_every_key_is_described():
    silent = [
        f"{name}.{key}"
        for name, model in shipped()["definitions"].items()
        for key, field in model.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]

    assert not silent
    assert all(d.get("description") for d in shipped()["definitions"].values())


def test_references_of_the_schema_lead_somewhere():
    text = json.dumps(shipped())
    names = {part.split('"')[0] for part in text.split("#/definitions/")[1:]}

    assert names == set(shipped()["definitions"])


def fits(value: Any, rule: Mapping[str, Any] | bool) -> bool:
    """A validator of the few words of JSON Schema that ours uses."""
    if isinstance(rule, bool):
        return rule
    if "$ref" in rule:
        return fits(value, shipped()["definitions"][rule["$ref"].rsplit("/")[-1]])
    if "anyOf" in rule:
        return any(fits(value, r) for r in rule["anyOf"])
    if "const" in rule or "enum" in rule:
        return value in rule.get("enum", [rule.get("const")])
    kind = type(value).__name__
    kinds = {
        "object": "dict",
        "array": "list",
        "string": "str",
        "integer": "int",
        "boolean": "bool",
    }
    if "type" in rule and kinds.get(rule["type"], "NoneType") != kind:
        return False
    if kind == "str":
        return re.search(rule.get("pattern", ""), value) is not None
    if kind == "int":
        return rule.get("minimum", value) <= value <= rule.get("maximum", value)
    if kind == "list":
        return all(fits(v, rule.get("items", {})) for v in value)
    return kind != "dict" or _mapping_fits(value, rule)


def _mapping_fits(value: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    known = rule.get("properties", {})
    other = rule.get("additionalProperties", {})
    missing = set(rule.get("required", ())) - set(value)
    return not missing and all(fits(v, known.get(k, other)) for k, v in value.items())


def data(text: str) -> Any:
    return load(text, "s", YamlDialect.STORY)[0].data


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.npol.yaml")), ids=lambda p: p.name)
def test_every_story_of_the_fixtures_fits(path):
    assert fits(data(path.read_text()), shipped())


STORY = "version: 1\npeers: {a: {namespace: x}}\nsteps: [{name: one, FIELD}]\n"


@pytest.mark.parametrize(
    "field",
    [
        "apply: deny.yaml",
        "apply: {kustomize: k}",
        "apply: [deny.yaml, {helm: c, values: [v.yaml]}]",
        "flows: [{from: a, to: {every pod of: a}, port: 80, expect: http 2xx}]",
        "flows: [{from: a, to: a, port: 80, expect: {calico: allow, default: http 418}}]",
        "label: {namespace: x, set: {a: null}}",
        "state: [{endpoints: x, ready: 1}, {applied: deny.yaml}, {labels: {pod: a}, has: {}}]",
        "converge_within: 1.5s",
        "covers: [A-1], state: [{endpoints: x, covers: [A-2]}]",
    ],
)
def test_stories_that_load_fit_the_schema(field):
    assert fits(data(STORY.replace("FIELD", field)), shipped())


@pytest.mark.parametrize(
    "field",
    [
        "aply: deny.yaml",
        "flows: [{from: a, to: a, port: 0, expect: allow}]",
        "flows: [{from: a, to: a, port: 80, expect: alow}]",
        "flows: [{from: a, to: a, port: 80, expect: {calcio: allow}}]",
        "flows: [{to: a, port: 80, expect: allow}]",
        "apply: [7]",
        "when: null",
        "state: [{endpoint: x}]",
        "converge_within: 5",
    ],
)
def test_stories_that_are_refused_do_not_fit_the_schema(field):
    assert not fits(data(STORY.replace("FIELD", field)), shipped())
