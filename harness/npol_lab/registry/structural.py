"""
Structural schemas of custom resources: defaults, and what a value may be.

The usual keywords only; rules in CEL are not evaluated. Source of the wordings: kube-openapi
`pkg/validation/errors` as the API server's apiextensions report them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from npol.api_rules.field_errors import FieldError, invalid_value, required, unsupported
from npol.api_rules.objects import Obj, copied

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}
OWN = ("apiVersion", "kind", "metadata")


def fill_defaults(schema: Obj, value: Any) -> None:
    """Put the defaults of a schema into a value, in place."""
    if isinstance(value, dict):
        for key, inner in (schema.get("properties") or {}).items():
            if key not in value and "default" in inner:
                value[key] = copied(inner["default"])
            if key in value:
                fill_defaults(inner, value[key])
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for inner in value.values():
                fill_defaults(extra, inner)
    elif isinstance(value, list):
        for item in value:
            fill_defaults(schema.get("items") or {}, item)


def check(schema: Obj, obj: Obj) -> list[FieldError]:
    own = {k: v for k, v in (schema.get("properties") or {}).items() if k not in OWN}
    found = {k: v for k, v in obj.items() if k not in OWN}
    wanted = [k for k in schema.get("required") or [] if k not in OWN]
    return _check({"type": "object", "properties": own, "required": wanted}, found, "")


def _check(schema: Obj, value: Any, field: str) -> list[FieldError]:
    if value is None and schema.get("nullable"):
        return []
    wrong = _wrong_type(schema, value, field)
    if wrong:
        return wrong
    wrong = _limits(schema, value, field)
    if isinstance(value, dict):
        wrong += _properties(schema, value, field)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            wrong += _check(schema.get("items") or {}, item, f"{field}[{i}]")
    return wrong


def _wrong_type(schema: Obj, value: Any, field: str) -> list[FieldError]:
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string") or kind is None:
        return []
    fits = isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if fits:
        return []
    found = "null" if value is None else NAMES.get(type(value), "object")
    rule = f'{field} in body must be of type {kind}: "{found}"'
    return [FieldError("FieldValueTypeInvalid", field, f'Invalid value: "{found}": {rule}')]


def _properties(schema: Obj, value: Obj, field: str) -> list[FieldError]:
    known = schema.get("properties") or {}
    here = f"{field}." if field else ""
    wrong = [required(f"{here}{k}") for k in schema.get("required") or [] if k not in value]
    extra = schema.get("additionalProperties")
    for key, inner in value.items():
        rule = known.get(key, extra if isinstance(extra, dict) else None)
        if rule is not None:
            wrong += _check(rule, inner, f"{here}{key}")
    return wrong


def _limits(schema: Obj, value: Any, field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    if "enum" in schema and value not in schema["enum"]:
        known = [v if isinstance(v, str) else json.dumps(v) for v in schema["enum"]]
        wrong.append(unsupported(field, value, known))
    rules: list[tuple[str, bool, str]] = []
    if isinstance(value, str):
        pattern = schema.get("pattern", "")
        rules = [
            ("pattern", not re.search(pattern, value), f"should match '{pattern}'"),
            ("minLength", len(value) < schema.get("minLength", 0), _at_least(schema, "chars")),
            ("maxLength", len(value) > schema.get("maxLength", len(value)), _at_most(schema)),
        ]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        rules = [
            ("minimum", value < low, f"should be greater than or equal to {low}"),
            ("maximum", value > high, f"should be less than or equal to {high}"),
        ]
    elif isinstance(value, dict):
        low, high = schema.get("minProperties", 0), schema.get("maxProperties", len(value))
        rules = [
            ("minProperties", len(value) < low, f"should have at least {low} properties"),
            ("maxProperties", len(value) > high, f"should have at most {high} properties"),
        ]
    elif isinstance(value, list):
        low, high = schema.get("minItems", 0), schema.get("maxItems", len(value))
        rules = [
            ("minItems", len(value) < low, f"should have at least {low} items"),
            ("maxItems", len(value) > high, f"should have at most {high} items"),
        ]
    return wrong + [
        invalid_value(field, value, f"{field} in body {rule}")
        for key, broken, rule in rules
        if key in schema and broken
    ]


def _at_least(schema: Obj, unit: str) -> str:
    return f"should be at least {schema.get('minLength')} {unit} long"


def _at_most(schema: Obj) -> str:
    return f"may not be more than {schema.get('maxLength')} bytes"
