"""
Objects in the version in which a client asks for them, and in that of the store.

Kinds of definitions differ in nothing but the version's name (conversion strategy None); of the
built-in ones only autoscaling/v1 is served beside its stored version.
"""

from __future__ import annotations

import re

from npol.api_rules.objects import Obj, copied
from npol.api_rules.resources import ApiResource

AUTOSCALERS = "horizontalpodautoscalers.autoscaling"
CPU = "targetCPUUtilizationPercentage"
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


def shown(kind: ApiResource, obj: Obj) -> Obj:
    """A stored object as the version `kind` has it."""
    if obj.get("apiVersion") == kind.api_version:
        return obj
    result = {**obj, "apiVersion": kind.api_version}
    return _autoscaler_v1(result) if kind.name == AUTOSCALERS else result


def stored(kind: ApiResource, asked: ApiResource, obj: Obj) -> Obj:
    """An object, or a part of one, that came in the version `asked`, as `kind` is stored."""
    if asked.version == kind.version:
        return obj
    result = {**obj} | ({"apiVersion": kind.api_version} if "apiVersion" in obj else {})
    return _autoscaler_v2(result) if kind.name == AUTOSCALERS else result


def _autoscaler_v2(obj: Obj) -> Obj:
    spec: Obj = copied(obj.get("spec") or {})
    if CPU in spec:
        target = {"type": "Utilization", "averageUtilization": spec.pop(CPU)}
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
        spec["metrics"] = [metric]
    return {**obj, "spec": spec} if "spec" in obj else obj


def _autoscaler_v1(obj: Obj) -> Obj:
    """Metrics other than the processor's have no place in it."""
    spec: Obj = copied(obj["spec"])
    for metric in spec.pop("metrics", None) or []:
        measured = metric.get("resource") or {}
        if measured.get("name") == "cpu" and "averageUtilization" in measured.get("target", {}):
            spec[CPU] = measured["target"]["averageUtilization"]
    spec.pop("behavior", None)
    status = obj.get("status") or {}
    counts = {key: status.get(key, 0) for key in ("currentReplicas", "desiredReplicas")}
    return {**obj, "spec": spec, "status": counts}


def newest_first(version: str) -> tuple[int, int, int, str]:
    """A key that sorts versions as the server prefers them (apimachinery `pkg/version`)."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (3, 0, 0, version)
    stage = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return (stage, -int(match[1]), -int(match[3] or 0), "")
