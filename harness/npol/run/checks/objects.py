"""`object`: a field of any object, custom resources included."""

from __future__ import annotations

import json
from typing import Any

from npol.model.inventory import Obj
from npol.model.story import StateCheck
from npol.run.checks.bounded_match import Unbounded
from npol.run.checks.bounded_match import found as matched
from npol.run.checks.view import NOT_FOUND, Observation, View

_NOTHING = object()
RECORDED = "recorded data: no controller of the lab acts on such an object"
HIDDEN = "not shown: a Secret's"


def wanted(check: StateCheck) -> str:
    wants = check.wants
    if "exists" in wants:
        return "there" if wants["exists"] else "not there"
    if _is_secret(check):
        return f"the story's {'expression' if 'matches' in wants else 'value'} ({HIDDEN})"
    if "matches" in wants:
        return f"matches {wants['matches']}"
    return spell(wants.get("equals"))


def look(check: StateCheck, view: View) -> Observation:
    kind, _, name = check.wants["ref"].partition("/")
    obj = view.get(kind, check.namespace, name)
    found = _NOTHING if obj is None else field(obj, check.wants.get("path") or ())
    seen = NOT_FOUND if found is _NOTHING else _seen(check, found)
    note = RECORDED if obj is not None and "." in kind and view.in_lab else ""
    reason = f"{check.wants['ref']} does not exist" if obj is None else note
    return Observation(_holds(check, found), seen, reason)


def _seen(check: StateCheck, found: Any) -> str:
    if not check.wants.get("path"):
        return "there"
    return f"a value ({HIDDEN})" if _is_secret(check) else spell(found)


def _is_secret(check: StateCheck) -> bool:
    """Every field of a Secret counts: annotations repeat the whole object."""
    kind = check.wants["ref"].partition("/")[0].partition(".")[0]
    return kind.lower() in ("secret", "secrets")


def holds_for(check: StateCheck, obj: Obj) -> bool:
    """Whether an object is as a check claims."""
    try:
        return _holds(check, field(obj, check.wants.get("path") or ()))
    except Unbounded:
        return False


def _holds(check: StateCheck, found: Any) -> bool:
    wants = check.wants
    if "exists" in wants:
        return (found is not _NOTHING) is bool(wants["exists"])
    if found is _NOTHING:
        return False
    if "matches" in wants:
        text = found if isinstance(found, str) else spell(found)
        return matched(wants["matches"], text)
    return bool(found == wants.get("equals")) and type(found) is type(wants.get("equals"))


def field(obj: Obj, path: tuple[str | int, ...]) -> Any:
    """The value at a path of keys and indexes; `_NOTHING` where there is none."""
    value: Any = obj
    for part in path:
        if isinstance(part, int):
            there = isinstance(value, list) and part < len(value)
        else:
            there = isinstance(value, dict) and part in value
        if not there:
            return _NOTHING
        value = value[part]
    return value


def spell(value: Any) -> str:
    """A value of an object as people read it: text bare, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
