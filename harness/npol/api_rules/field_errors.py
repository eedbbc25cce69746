"""
What is wrong with a field, in the API server's words.

Source of the wordings: apimachinery `pkg/util/validation/field/errors.go`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong: `reason` is the API's word for the kind of mistake."""

    reason: str
    field: str
    message: str

    def is_a(self, kind: str) -> bool:
        """Whether it is of a kind of mistake: `FieldValueRequired`."""
        return self.reason == kind


def invalid_value(field: str, value: Any, why: str) -> FieldError:
    return FieldError("FieldValueInvalid", field, f"Invalid value: {_shown(value)}: {why}")


def required(field: str, why: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, "Required value" + (f": {why}" if why else ""))


def duplicate(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", field, f"Duplicate value: {_shown(value)}")


def not_found_value(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", field, f"Not found: {_shown(value)}")


def field_forbidden(field: str, why: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, f"Forbidden: {why}")


def unsupported(field: str, value: Any, supported: Sequence[str]) -> FieldError:
    known = ", ".join(json.dumps(s) for s in supported)
    message = f"Unsupported value: {_shown(value)}: supported values: {known}"
    return FieldError("FieldValueNotSupported", field, message)


def too_long(field: str, limit: int) -> FieldError:
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def _shown(value: Any) -> str:
    return value if isinstance(value, Raw) else json.dumps(value)


def go_text(value: Any) -> str:
    """A value as Go prints it with `%v`."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{go_text(v)}" for k, v in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(go_text(v) for v in value) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def go_strings(values: Sequence[str]) -> Raw:
    """A list of strings as Go prints it with `%#v`."""
    return Raw("[]string{" + ", ".join(json.dumps(v) for v in values) + "}")


class Raw(str):
    """A value whose spelling in a message is not its JSON, such as a Go struct."""

    __slots__ = ()
