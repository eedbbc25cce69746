"""Tables: what `kubectl get` shows, computed by the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.api.responses import META, partial
from npol_lab.api.tables.cluster import CLUSTER
from npol_lab.api.tables.column import AGE, NAME, Column
from npol_lab.api.tables.custom import custom_columns
from npol_lab.api.tables.network import NETWORK
from npol_lab.api.tables.workloads import WORKLOADS

COLUMNS: dict[str, tuple[Column, ...]] = {**WORKLOADS, **NETWORK, **CLUSTER}
DEFAULT = (NAME, AGE)


def columns_of(kind: ApiResource, printer_columns: Sequence[Obj] | None) -> tuple[Column, ...]:
    """`printer_columns` are those of a CustomResourceDefinition's version."""
    if kind.custom:
        return custom_columns(printer_columns or ())
    return COLUMNS.get(kind.name, DEFAULT)


def table(
    columns: Sequence[Column],
    objects: Sequence[Obj],
    metadata: Obj,
    *,
    include: str = "Metadata",
    headers: bool = True,
) -> Obj:
    """`include` says how much of each object its row carries: None, Metadata or Object."""
    body: dict[str, Any] = {
        "kind": "Table",
        "apiVersion": META,
        "metadata": {k: v for k, v in metadata.items() if k in _LIST_METADATA},
        "columnDefinitions": [c.definition() for c in columns] if headers else [],
        "rows": [{"cells": [c.value(o) for c in columns]} | _object(o, include) for o in objects],
    }
    return body


_LIST_METADATA = ("resourceVersion", "continue", "remainingItemCount")


def _object(obj: Obj, include: str) -> Obj:
    if include == "None":
        return {}
    return {"object": obj if include == "Object" else partial(obj)}
