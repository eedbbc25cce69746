"""JSON merge patch, RFC 7386."""

from __future__ import annotations

from typing import Any

from npol.api_rules.objects import copied


def merge(target: Any, patch: Any) -> Any:
    """`target` as `patch` wants it: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return copied(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result
