"""
Kubernetes' protobuf, read only: kubectl's typed clients send it and take JSON for an answer.

A body is `k8s\\0` and a `runtime.Unknown` with the object's type and bytes. Field numbers are
those of the table of types (apimachinery `pkg/runtime/serializer/protobuf`).
"""

from __future__ import annotations

import base64
import functools
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from npol.api_rules.schema import ListOf, MapOf, Scalar, Struct, Type, resolved, structs
from npol_lab.registry.errors import bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
INTEGERS = ("int", "int32", "int64")
Wire = int | bytes
Tree = dict[int, "tuple[str, Type] | Tree"]


def decode(body: bytes, type: Struct) -> dict[str, Any]:
    """
    The JSON of an object.

    Raises:
        StatusError: 400 when the bytes are no such object.
    """
    if not body.startswith(MAGIC):
        raise bad_request("the object provided is unrecognized: no protobuf envelope")
    try:
        envelope = dict(_fields(body[len(MAGIC) :]))
        names = {n: _text(v) for n, v in _fields(_bytes(envelope.get(1, b"")))}
        obj = _message(_bytes(envelope.get(2, b"")), _tree(type))
    except (IndexError, ValueError, struct.error) as wrong:
        raise bad_request(f"the object provided is unrecognized: {wrong}") from wrong
    head = {"apiVersion": names.get(1, ""), "kind": names.get(2, "")}
    return {k: v for k, v in head.items() if v} | obj


def _fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif wire == BYTES:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ValueError("a protobuf field is cut off")
            yield number, data[at : at + length]
            at += length
        else:
            size = {FIXED64: 8, FIXED32: 4}[wire] if wire in (FIXED64, FIXED32) else 0
            if not size:
                raise ValueError(f"protobuf wire type {wire}")
            yield number, data[at : at + size]
            at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


@functools.cache
def _tree_of(name: str) -> Tree:
    return _tree(structs()[name])


def _tree(type: Struct) -> Tree:
    """Fields by number; what JSON shows inline is a message of its own here."""
    tree: Tree = {}
    for name, path in type.numbers.items():
        node = tree
        for number in path[:-1]:
            node = node.setdefault(number, {})  # type: ignore[assignment]
        node[path[-1]] = (name, resolved(type.fields[name]))
    return tree


def _message(data: bytes, tree: Tree) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for number, value in _fields(data):
        known = tree.get(number)
        if isinstance(known, dict):
            result.update(_message(_bytes(value), known))
        elif known is not None:
            name, type = known
            _put(result, name, type, value)
    return result


def _put(result: dict[str, Any], name: str, type: Type, value: Wire) -> None:
    if isinstance(type, ListOf):
        result.setdefault(name, []).append(_value(resolved(type.item), value))
    elif isinstance(type, MapOf):
        entry = dict(_fields(_bytes(value)))
        kind = resolved(type.value)
        result.setdefault(name, {})[_text(entry.get(1, b""))] = _value(kind, entry.get(2, b""))
    else:
        result[name] = _value(type, value)


def _value(type: Type, value: Wire) -> Any:
    if isinstance(type, Struct):
        return _message(_bytes(value), _tree_of(type.name))
    if isinstance(type, ListOf):  # a named list is a message with its items in field 1
        return [_value(resolved(type.item), v) for n, v in _fields(_bytes(value)) if n == 1]
    assert isinstance(type, Scalar), "maps of maps do not occur"
    if type.name in INTEGERS:
        number = int(value) if isinstance(value, int) else 0
        return number - (1 << 64) if number >= 1 << 63 else number
    if type.name == "bool":
        return bool(value)
    if type.name == "number":
        return struct.unpack("<d", _bytes(value))[0]
    return _special(type.name, _bytes(value))


def _special(name: str, data: bytes) -> Any:
    if name == "bytes":
        return base64.b64encode(data).decode()
    if name == "str":
        return data.decode()
    inner = dict(_fields(data))
    if name in ("time", "microtime"):
        return _time(inner, micro=name == "microtime")
    if name == "intstr":
        return _text(inner.get(3, b"")) if inner.get(1) else int(inner.get(2, 0))
    if name == "quantity":
        return _text(inner.get(1, b"")) or "0"
    raw = _bytes(inner.get(1, b""))
    return json.loads(raw) if raw else None


def _time(inner: dict[int, Wire], *, micro: bool) -> str | None:
    if not inner:
        return None
    seconds, nanos = int(inner.get(1, 0)), int(inner.get(2, 0))
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanos // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _bytes(value: Wire) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a protobuf field is of another type")
    return value


def _text(value: Wire) -> str:
    return _bytes(value).decode()
