"""
The OpenAPI document of version 2 as protobuf, which is how kubectl reads it.

kubectl does that for a kind that no other document names: it then tells of the missing kind.
Source of the numbers: github.com/google/gnostic-models `openapiv2/OpenAPIv2.proto`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
ASKED_FOR = (MEDIA_TYPE, MEDIA_TYPE.replace("v2.v1.0", "v2@v1.0"))
METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}
Json = dict[str, Any]


def encode(document: Json) -> bytes:
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    paths = (_named(name, _path(item)) for name, item in document["paths"].items())
    schemas = (_named(name, _schema(value)) for name, value in document["definitions"].items())
    return (
        _text(1, document["swagger"])
        + _message(2, info)
        + _message(8, b"".join(_message(2, path) for path in paths))
        + _message(9, b"".join(_message(1, schema) for schema in schemas))
    )


def _path(item: Json) -> bytes:
    return b"".join(_message(METHODS[name], _operation(value)) for name, value in item.items())


def _operation(operation: Json) -> bytes:
    consumes = b"".join(_text(7, kind) for kind in operation.get("consumes", ()))
    given = b"".join(_message(8, _parameter(p)) for p in operation["parameters"])
    answers = b"".join(_message(1, _answer(*r)) for r in operation["responses"].items())
    return consumes + given + _message(9, answers) + _extensions(13, operation)


def _parameter(parameter: Json) -> bytes:
    """A parameter of the query, wrapped as often as its message is one of several."""
    query = _text(2, "query") + _text(4, parameter["name"]) + _text(6, parameter["type"])
    return _message(1, _message(2, _message(3, query)))


def _answer(code: str, answer: Json) -> bytes:
    return _named(code, _message(1, _text(1, answer["description"])))


def _schema(schema: Json) -> bytes:
    parts = [_text(1, schema["$ref"]) if "$ref" in schema else b""]
    parts += [_text(2, schema["format"]) if "format" in schema else b""]
    if "additionalProperties" in schema:
        parts.append(_message(21, _message(1, _schema(schema["additionalProperties"]))))
    if "type" in schema:
        parts.append(_message(22, _text(1, schema["type"])))
    if "items" in schema:
        parts.append(_message(23, _message(1, _schema(schema["items"]))))
    parts += [_message(24, _schema(inner)) for inner in schema.get("allOf", ())]
    if "properties" in schema:
        inside = (_named(name, _schema(value)) for name, value in schema["properties"].items())
        parts.append(_message(25, b"".join(_message(1, one) for one in inside)))
    return b"".join(parts) + _extensions(31, schema)


def _extensions(number: int, owner: Json) -> bytes:
    return b"".join(_message(number, one) for one in _any(owner))


def _any(owner: Json) -> Iterator[bytes]:
    """JSON is YAML."""
    for name, value in owner.items():
        if name.startswith("x-"):
            yield _named(name, _text(2, json.dumps(value)))


def _named(name: str, value: bytes) -> bytes:
    return _text(1, name) + _message(2, value)


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])
