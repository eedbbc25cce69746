"""`object`: a field of any object, custom resources included."""

from __future__ import annotations

import json
from typing import Any

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.inventory import Obj
from npol.model.story import StateCheck
from npol.run.checks.bounded_match import Unbounded
from npol.run.checks.bounded_match import found as matched
from npol.run.checks.view import NOT_FOUND, Observation, View

_NOTHING = object()


def wanted(check: StateCheck) -> CheckClaim:
    wants = check.wants
    if "exists" in wants:
        return CheckClaim(ClaimCode.THERE if wants["exists"] else ClaimCode.NOT_THERE)
    expression = "matches" in wants
    if _is_secret(check):
        return CheckClaim(ClaimCode.HIDDEN_EXPRESSION if expression else ClaimCode.HIDDEN_VALUE)
    if expression:
        return CheckClaim(ClaimCode.MATCHES, wants["matches"])
    return CheckClaim(ClaimCode.VALUE, spell(wants.get("equals")))


def look(check: StateCheck, view: View) -> Observation:
    kind, _, name = check.wants["ref"].partition("/")
    obj = view.get(kind, check.namespace, name)
    found = _NOTHING if obj is None else field(obj, check.wants.get("path") or ())
    seen = NOT_FOUND if found is _NOTHING else _seen(check, found)
    reasons: tuple[CheckFinding, ...] = ()
    if obj is None:
        ref = check.wants["ref"]
        reasons = (CheckFinding(code=FindingCode.DOES_NOT_EXIST, subject=ref),)
    elif "." in kind and view.in_lab:
        reasons = (CheckFinding(code=FindingCode.RECORDED_DATA),)
    return Observation(_holds(check, found), seen, reasons)


def _seen(check: StateCheck, found: Any) -> CheckFinding:
    if not check.wants.get("path"):
        return CheckFinding(code=FindingCode.THERE)
    if _is_secret(check):
        return CheckFinding(code=FindingCode.HIDDEN_VALUE)
    return CheckFinding(code=FindingCode.VALUE, said=spell(found))


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
