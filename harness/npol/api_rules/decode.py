"""
From JSON to an object of a kind: unknown fields go, mistyped values are refused.

What comes out is in the form in which the API server gives objects back: no nulls, and
no empty lists, maps or strings where the Go types say `omitempty`.
"""

from __future__ import annotations

import functools
import re
import string
from typing import Any

from npol.api_rules.objects import copied
from npol.api_rules.quantity import canonical
from npol.api_rules.schema import (
    ANY,
    ListOf,
    MapOf,
    Scalar,
    Struct,
    Type,
    resolved,
    structs,
)

QUANTITY = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
BASE64 = frozenset(string.ascii_letters + string.digits + "+/=\r\n")
TIME = re.compile(r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")
GO_NAMES = {
    "str": "string",
    "int": "int64",
    "int32": "int32",
    "int64": "int64",
    "bool": "bool",
    "number": "float64",
    "bytes": "[]uint8",
    "time": "string",
    "microtime": "string",
}


RANGES = {"int": 2**63, "int32": 2**31, "int64": 2**63}


class WrongType(Exception):
    """
    A value that does not fit its field, as Go's JSON decoder puts it.

    `converted`: the same in the words of the converter that reads strategic merge patches.
    `path`: where in the object it is, as field errors say it.
    `ends_decoding`: Go's decoder goes on after a mistyped value, and tells the first; what a type
    that decodes itself refuses (a quantity, a time, a port) is told at once.
    """

    def __init__(self, message: str, converted: str = "", *, ends_decoding: bool = False) -> None:
        super().__init__(message)
        self.converted = converted or message
        self.ends_decoding = ends_decoding
        self.path = ""


class Decoder:
    """Decodes one object; `unknown` collects the paths of fields that its type lacks."""

    def __init__(self, *, custom: bool = False) -> None:
        self.unknown: list[str] = []
        self._custom = custom
        self._first_wrong: WrongType | None = None

    def struct(self, type: Struct, value: Any, path: str = "", trail: str = "") -> dict[str, Any]:
        """
        Raises:
            WrongType: a value does not fit.
        """
        result: dict[str, Any] = {}
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            known = type.fields.get(key)
            if known is None:
                if not type.open:
                    self.unknown.append(here)
                    continue
                known = ANY
            steps = f"{trail}.{key}" if trail else key
            decoded = self.value(known, inner, here, steps, f"{type.name}.{steps}")
            if not self._omitted(type, key, decoded):
                result[key] = decoded
        if not path and self._first_wrong:
            raise self._first_wrong
        if not self._keeps_empty(type):
            for key, zero in _zeros(type.name):
                result.setdefault(key, copied(zero))
        return result

    def _keeps_empty(self, type: Struct) -> bool:
        """Custom resources keep what they are given, but their metadata is the API's."""
        return self._custom and type.name != "ObjectMeta"

    def _omitted(self, owner: Struct, key: str, value: Any) -> bool:
        if value is None:
            return True
        if value or self._keeps_empty(owner) or key in owner.always:
            return False
        kind = resolved(owner.fields.get(key, ANY))
        if isinstance(kind, (ListOf, MapOf)):
            return True
        return isinstance(kind, Scalar) and kind != ANY and key not in owner.pointers

    def value(self, type: Type, value: Any, path: str, trail: str, where: str) -> Any:
        try:
            return self._value(type, value, path, trail, where)
        except WrongType as wrong:
            wrong.path = wrong.path or path
            if wrong.ends_decoding:
                raise
            self._first_wrong = self._first_wrong or wrong
            return None

    def _value(self, type: Type, value: Any, path: str, trail: str, where: str) -> Any:
        kind = resolved(type)
        if value is None:
            return None
        if self._custom and not path.startswith("metadata") and not _descends(kind, value):
            return value  # mistyped or not: that is for the schema's own check to say
        if isinstance(kind, Scalar):
            return _scalar(kind.name, value, where)
        if isinstance(kind, ListOf):
            if not isinstance(value, list):
                raise _mismatch(value, where, _go_name(kind))
            return [
                self.value(kind.item, _zero(kind.item, item), f"{path}[{i}]", trail, where)
                for i, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            raise _mismatch(value, where, _go_name(kind))
        if isinstance(kind, Struct):
            return self.struct(kind, value, path, trail)
        return {
            k: self.value(kind.value, _zero(kind.value, v), f"{path}.{k}", f"{trail}.{k}", where)
            for k, v in value.items()
        }


def _descends(kind: Type, value: Any) -> bool:
    """Whether there is something inside a value that its type knows more of."""
    if isinstance(kind, ListOf):
        return isinstance(value, list)
    return isinstance(kind, MapOf | Struct) and isinstance(value, dict)


@functools.cache
def _zeros(name: str) -> tuple[tuple[str, Any], ...]:
    """Fields of a type that are written even when nobody has set them."""
    struct = structs().get(name)
    if struct is None:
        return ()
    return tuple(
        (key, zero)
        for key, type in struct.fields.items()
        if key not in struct.pointers
        and (zero := _unset(resolved(type), key in struct.always)) is not None
    )


def _unset(kind: Type, always: bool) -> Any:
    """None for what is left out, as times are."""
    if isinstance(kind, Struct):
        return dict(_zeros(kind.name))
    if kind == Scalar("quantity"):
        return "0"
    zeros = {"str": "", "int32": 0, "int64": 0, "bool": False}
    return zeros.get(kind.name) if always and isinstance(kind, Scalar) else None


def _zero(type: Type, value: Any) -> Any:
    """A null in a list or a map is its type's zero value."""
    if value is not None:
        return value
    kind = resolved(type)
    return "" if isinstance(kind, Scalar) else [] if isinstance(kind, ListOf) else {}


_PLAIN = {"str": str, "bool": bool}
"""What needs no further look, most values of all."""


def _scalar(name: str, value: Any, where: str) -> Any:
    if name == "any" or type(value) is _PLAIN.get(name):
        return value
    if name == "intstr":
        if isinstance(value, str) or _is_int32(value):
            return value
        wrong = str(_mismatch(value, where, GO_NAMES["int32"]))
        into = f"Go struct field {where}"
        raise WrongType(wrong, wrong.replace(into, "Go value"), ends_decoding=True)
    if name == "quantity":
        return _quantity(value, where)
    if name == "bytes":
        return _base64(value, where)
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {
        "int": whole,
        "int32": whole,
        "int64": whole,
        "bool": isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
    }.get(name, isinstance(value, str))
    if not fits or (name in RANGES and not -RANGES[name] <= value < RANGES[name]):
        raise _mismatch(value, where, GO_NAMES[name])
    if name in ("time", "microtime") and not TIME.match(value):
        layout = "2006-01-02T15:04:05" + (".000000Z07:00" if name == "microtime" else "Z07:00")
        raise WrongType(
            f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"',
            ends_decoding=True,
        )
    return value


def _is_int32(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and -RANGES["int32"] <= value < RANGES["int32"]


def _base64(value: Any, where: str) -> Any:
    if not isinstance(value, str):
        raise _mismatch(value, where, GO_NAMES["bytes"])
    wrong = next((i for i, c in enumerate(value) if c not in BASE64), None)
    if wrong is not None or len(value) % 4:
        at = len(value) if wrong is None else wrong
        raise WrongType(f"illegal base64 data at input byte {at}")
    return value


def _quantity(value: Any, where: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _mismatch(value, where, "resource.Quantity")
    try:
        return canonical(value)
    except ValueError as wrong:
        rule = f"quantities must match the regular expression '{QUANTITY}'"
        raise WrongType(rule, ends_decoding=True) from wrong


def _mismatch(value: Any, where: str, wanted: str) -> WrongType:
    found = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}
    got = found.get(type(value), "object")
    if got == "number" and wanted.startswith("int"):
        got = f"number {value}"
    message = f"json: cannot unmarshal {got} into Go struct field {where} of type {wanted}"
    return WrongType(message, _converted(value, wanted))


def _converted(value: Any, wanted: str) -> str:
    """Source: apimachinery `pkg/runtime/converter.go`, fromUnstructured."""
    kinds = {bool: "bool", int: "int64", float: "float64", str: "string", list: "slice"}
    found = kinds.get(type(value), "map")
    if wanted.startswith("[]"):
        return f"cannot restore slice from {found}"
    if wanted.startswith("map["):
        return f"cannot restore map from {found}"
    if "." in wanted:
        return f"cannot restore struct from: {found}"
    if (found, wanted) == ("int64", "string"):  # which Go could do, though it means another thing
        return f"cannot convert {found} to {wanted}"
    return f"unrecognized type: {wanted}"


def _go_name(type: Type) -> str:
    kind = resolved(type)
    if isinstance(kind, Scalar):
        return GO_NAMES.get(kind.name, "interface {}")
    if isinstance(kind, ListOf):
        return f"[]{_go_name(kind.item)}"
    if isinstance(kind, MapOf):
        return f"map[string]{_go_name(kind.value)}"
    return f"v1.{kind.name}"
