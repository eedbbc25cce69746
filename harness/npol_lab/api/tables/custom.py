"""Columns that a CustomResourceDefinition asks for (`additionalPrinterColumns`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from npol.api_rules.objects import Obj
from npol_lab.api.tables.column import NAME, Column, age, since

STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\[\?\(@\.(\w+)\s*==\s*['\"]([^'\"]*)['\"]\)\]")


def custom_columns(wanted: Sequence[Obj]) -> tuple[Column, ...]:
    return (NAME, *map(_column, wanted)) if wanted else (NAME, Column("Age", age, type="date"))


def _column(definition: Obj) -> Column:
    path, kind = definition["jsonPath"], definition.get("type", "string")

    def read(obj: Obj) -> Any:
        value = lookup(obj, path)
        if kind == "date":
            return since(value)
        return "" if value is None else value

    return Column(definition["name"], read, bool(definition.get("priority")), kind)


def lookup(obj: Any, path: str) -> Any:
    """
    The value at a simple JSONPath: fields, `[0]` and `[?(@.type=="Ready")]`.

    Escaped dots (`\\.`) are part of a field's name. None when there is nothing.
    """
    for found in STEP.finditer(path.replace("\\.", "\0")):
        field, index, key, wanted = found.groups()
        if field is not None:
            name = field.replace("\0", ".")
            obj = obj.get(name) if isinstance(obj, dict) else None
        elif index is not None:
            obj = obj[int(index)] if isinstance(obj, list) and len(obj) > int(index) else None
        else:
            items = obj if isinstance(obj, list) else []
            obj = next((i for i in items if str(i.get(key)) == wanted), None)
    return obj
