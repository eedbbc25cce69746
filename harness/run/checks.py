"""State checks: claims about objects, read until they hold or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.model.expectation import Verdict
from harness.model.inventory import Inventory, Obj, find
from harness.model.result import CheckResult
from harness.model.story import StateCheck

POLL_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """What a check saw, and whether that is what it wants."""

    holds: bool
    seen: str
    reason: str = ""


Checker = Callable[[StateCheck, Inventory], Found]


def check_all(
    checks: Sequence[StateCheck], step: str, look: Callable[[], Inventory], deadline: float
) -> tuple[CheckResult, ...]:
    """All checks of a step on fresh inventories, until they hold or `deadline` (monotonic)."""
    inventory = look()
    results = [_result(c, step, inventory) for c in checks]
    while not all(r.passed for r in results) and time.monotonic() < deadline:
        time.sleep(POLL_EVERY)
        inventory = look()
        results = [_result(c, step, inventory) for c in checks]
    return tuple(results)


def _result(check: StateCheck, step: str, inventory: Inventory) -> CheckResult:
    found = CHECKERS[check.kind](check, inventory)
    return CheckResult(
        name=check.name,
        at=check.at,
        step=step,
        expected=_wanted(check),
        seen=found.seen,
        verdict=Verdict.AS_EXPECTED if found.holds else Verdict.WRONG_ANSWER,
        reason=found.reason,
    )


def _wanted(check: StateCheck) -> str:
    return ", ".join(f"{k} {v}" for k, v in check.wants.items()) or "true"


def _endpoints(check: StateCheck, inventory: Inventory) -> Found:
    """Ready endpoints of a Service, and the port that they are on."""
    slices = [
        s
        for s in inventory.slices
        if s["metadata"].get("namespace") == check.namespace
        and (s["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == check.subject
    ]
    ready = {
        address
        for s in slices
        for e in s.get("endpoints") or []
        if (e.get("conditions") or {}).get("ready") is not False
        for address in e["addresses"]
    }
    ports = sorted({p["port"] for s in slices for p in s.get("ports") or []})
    wants = check.wants
    right_port = wants.get("port") is None or wants["port"] in ports
    right_count = wants.get("ready") is None or wants["ready"] == len(ready)
    listed = ", ".join(str(p) for p in ports) or "no port"
    return Found(right_port and right_count, f"{len(ready)} ready on {listed}")


def _labels(check: StateCheck, inventory: Inventory) -> Found:
    """Labels of a namespace, pod or workload."""
    kind, _, name = check.subject.partition("/")
    obj = _object(kind, check.namespace, name, inventory)
    if obj is None:
        return Found(False, "not found", f"{check.subject} does not exist")
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    wants: Mapping[str, Any] = check.wants["has"]
    missing = {k: v for k, v in wants.items() if labels.get(k) != v}
    reason = ", ".join(f"{k} is {labels.get(k)!r}" for k in missing)
    return Found(not missing, "has them" if not missing else "differs", reason)


def _ready(check: StateCheck, inventory: Inventory) -> Found:
    """All replicas of a workload are ready, or a pod is."""
    kind, _, name = check.subject.partition("/")
    obj = _object(kind, check.namespace, name, inventory)
    if obj is None:
        return Found(False, "not found", f"{check.subject} does not exist")
    status = obj.get("status") or {}
    if kind == "pod":
        conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
        return Found(conditions.get("Ready") == "True", f"Ready is {conditions.get('Ready')}")
    wanted = obj["spec"].get("replicas", status.get("desiredNumberScheduled", 1))
    ready = status.get("readyReplicas", status.get("numberReady", 0))
    return Found(ready >= wanted, f"{ready} of {wanted} ready")


def _object(kind: str, namespace: str, name: str, inventory: Inventory) -> Obj | None:
    if kind == "namespace":
        return find(inventory.namespaces, "", name)
    if kind == "pod":
        return find(inventory.pods, namespace, name)
    return inventory.workload(namespace, kind, name)


CHECKERS: Mapping[str, Checker] = {
    "endpoints": _endpoints,
    "labels": _labels,
    "ready": _ready,
}
"""State checks by the key that names them in a story."""
