"""Objects of the API as JSON has them."""

from __future__ import annotations

import marshal
from typing import Any

Obj = dict[str, Any]


_TREE = 2
"""The last form of marshal that knows no references: what stands twice becomes two."""


def copied(value: Any) -> Any:
    """A deep copy of JSON data, many times as fast as `copy.deepcopy`."""
    try:
        return marshal.loads(marshal.dumps(value, _TREE))
    except ValueError:  # something that is like JSON: text that knows its position
        return _copied(value)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_copied(v) for v in value]
    return value


def as_sent(value: Any) -> Any:
    """A value of a YAML file as kubectl sends it: JSON has one kind of number, 80.0 is 80."""
    if isinstance(value, dict):
        return {k: as_sent(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_sent(v) for v in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e21
    return int(value) if whole else value
