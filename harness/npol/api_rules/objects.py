"""Objects of the API as JSON has them."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def copied(value: Any) -> Any:
    """A deep copy of JSON data, several times as fast as `copy.deepcopy`."""
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if isinstance(value, list):
        return [copied(v) for v in value]
    return value
