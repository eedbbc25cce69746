"""Why the API server refuses an object of a manifest, at the place in its file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from npol.api_rules.field_errors import FieldError
from npol.api_rules.review import (
    NO_SUCH_KIND,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    ObjectReview,
    no_such_kind,
    review,
)
from npol.api_rules.schema import Struct, resolved, type_of
from npol.errors import did_you_mean
from npol.policy.parse.object_source import Path, Source, mapping
from npol.policy.parse.validation_errors import Refusal

HELD = frozenset(
    {
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("v1", "Service"),
        ("v1", "Namespace"),
        ("v1", "Pod"),
        ("apps/v1", "Deployment"),
    }
)
"""The kinds for which recorded answers of a real server hold the rules."""
_BOOLEANS = "put it in quotes: YAML reads y, yes, on and true (n, no, off, false) as booleans"
_MISMATCH = re.compile(r"json: cannot unmarshal (.+) into Go .* of type (\S+)$")
_WANTED = {
    "string": "a string",
    "bool": "true or false",
    "float64": "a number",
    "int32": "a whole number",
    "int64": "a whole number",
}
_FOUND = {
    "bool": "a boolean",
    "number": "a number",
    "string": "a string",
    "object": "a mapping",
    "array": "a list",
}
_STEP = re.compile(r"\[(\d+)\]|\[([^\]]*)\]")
"""An index of a list, or a key of a map."""


def reviewed(source: Source) -> tuple[ObjectReview, tuple[Refusal, ...]]:
    """What an API server that is sent the object says, and its refusals with their places."""
    answer = review(source.body)
    return answer, tuple(_refusal(source, answer, error) for error in answer.errors)


def is_misnamed_policy(source: Source) -> bool:
    """Whether an object means to be a NetworkPolicy, by a kind or version that nobody serves."""
    meant = source.kind == "NetworkPolicy" or source.kind.lower().startswith("networkpolic")
    wrong = no_such_kind(source.api_version, source.kind)
    return meant and bool(source.api_version) and wrong is not None


def is_held(source: Source) -> bool:
    """Whether an object of a file is of a kind whose rules are held by recorded answers."""
    return bool(source.document) and (source.api_version, source.kind) in HELD


def _refusal(source: Source, answer: ObjectReview, error: FieldError) -> Refusal:
    path = _located(source.body, error.field)
    value = _value(source.body, path)
    path = _entry(path, value, error)
    unknown = error.is_a(UNKNOWN_FIELD)
    hint = _field_hint(answer, source.body, path) if unknown else _hint(path, value, error)
    message = f"unknown field {str(path[-1])!r}" if unknown and path else _message(error)
    mistake = source.mistake(path, message, hint, at_key=unknown)
    return Refusal(
        mistake.at,
        mistake.message,
        mistake.hint,
        path=path,
        unknown_field=unknown,
        value=_value(source.body, path),
    )


def _located(body: Any, field: str) -> Path:
    """The path of a field that the server names; as far as the object goes."""
    path: list[str | int] = []
    rest = field
    while rest:
        rest = rest.removeprefix(".")
        if index := _STEP.match(rest):
            step: str | int = int(index[1]) if index[1] else index[2]
            rest = rest[index.end() :]
        else:
            keys = [k for k in mapping(body) if rest == k or rest.startswith((f"{k}.", f"{k}["))]
            step = max(keys, key=len, default="") or re.split(r"[.\[]", rest)[0] or rest
            rest = rest[len(str(step)) :]
        path.append(step)
        body = _value(body, (step,))
    return tuple(path)


def _value(body: Any, path: Path) -> Any:
    for step in path:
        if isinstance(body, Mapping):
            body = body.get(step)
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return None
    return body


def _entry(path: Path, value: Any, error: FieldError) -> Path:
    """Of labels the server names the map; the entry is the one whose key or value it quotes."""
    if not isinstance(value, Mapping) or not path or path[-1] == "spec":
        return path
    for key, inner in value.items():
        if any(f"Invalid value: {json.dumps(part)}:" in error.message for part in (key, inner)):
            return (*path, key)
    return path


def _message(error: FieldError) -> str:
    """The server's words, but for those of its JSON decoder, which name types of Go."""
    mismatch = _MISMATCH.match(error.message) if error.is_a(WRONG_TYPE) else None
    if mismatch is None:
        return error.message
    found, wanted = mismatch.groups()
    return f"must be {_wanted(wanted)}, not {_FOUND.get(found, found)}"


def _wanted(go_type: str) -> str:
    if go_type.startswith("[]"):
        return "a list"
    return _WANTED.get(go_type, "a mapping")


def _hint(path: Path, value: Any, error: FieldError) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    if "{{" in text:
        return "an unrendered template: render the chart first (helm template)"
    if "${" in text:
        return "an unfilled variable: fill it in first (envsubst, or the tool that knows it)"
    if error.is_a(NO_SUCH_KIND):
        return "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy"
    if error.is_a(WRONG_TYPE) and error.message.endswith("of type string"):
        if isinstance(value, bool):
            return _BOOLEANS
        return f'put it in quotes: "{text}"' if isinstance(value, int | float) else ""
    if path[-2:-1] in (("from",), ("to",)) and error.is_a("FieldValueRequired"):
        return "a peer needs podSelector, namespaceSelector or ipBlock"
    if path and path[-1] == "port" and isinstance(value, str) and value.isdigit():
        return "numbers stand without quotes"
    return ""


def _field_hint(answer: ObjectReview, body: Mapping[str, Any], path: Path) -> str:
    """What the field was probably meant to be."""
    known = _fields(answer, path[:-1])
    otherwise = f"known: {', '.join(known)}" if known else ""
    if "matchLabels" in known:
        otherwise = "labels stand below matchLabels"
    return did_you_mean(str(path[-1]), known, otherwise)


def _fields(answer: ObjectReview, path: Path) -> list[str]:
    """The fields of the type at a path."""
    if answer.resource is None:
        return []
    kind: Any = type_of(answer.resource)
    for step in path:
        if isinstance(step, int):
            kind = resolved(kind.item)
        elif isinstance(kind, Struct) and step in kind.fields:
            kind = resolved(kind.fields[step])
        else:
            return []
    return list(kind.fields) if isinstance(kind, Struct) else []
