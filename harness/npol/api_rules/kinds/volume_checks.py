"""
The paths that volumes and their mounts may name.

Source: kubernetes `pkg/apis/core/validation/validation.go`, validatePathNoBacksteps,
validateLocalDescendingPath, validateLocalNonReservedPath and who calls them.
"""

from __future__ import annotations

from npol.api_rules.field_errors import FieldError, invalid_value, required
from npol.api_rules.objects import Obj

NO_STEPS_BACK = "must not contain '..'"


def check_paths(volume: Obj, field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    if (host := volume.get("hostPath")) is not None:
        path = host.get("path", "")
        wrong += [] if path else [required(f"{field}.hostPath.path")]
        wrong += _steps_back(path, f"{field}.hostPath.path")
    wrong += _source(volume, field)
    for i, source in enumerate((volume.get("projected") or {}).get("sources") or []):
        wrong += _source(source, f"{field}.projected.sources[{i}]")
    return wrong


def check_mount_paths(mount: Obj, field: str, here: str) -> list[FieldError]:
    """`field` is the list's, `here` the mount's own: the server names either."""
    wrong: list[FieldError] = []
    below, expression = mount.get("subPath", ""), mount.get("subPathExpr", "")
    if below:
        wrong += _descending(below, f"{field}.subPath")
    if below and expression:
        rule = "subPathExpr and subPath are mutually exclusive"
        wrong.append(invalid_value(f"{here}.subPathExpr", expression, rule))
    if expression:
        wrong += _descending(expression, f"{field}.subPathExpr")
    return wrong


def _source(source: Obj, field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    for kind in ("secret", "configMap"):
        for i, item in enumerate((source.get(kind) or {}).get("items") or []):
            here = f"{field}.{kind}.items[{i}]"
            wrong += [] if item.get("key") else [required(f"{here}.key")]
            wrong += _named(item, f"{here}.path")
    for item in (source.get("downwardAPI") or {}).get("items") or []:
        wrong += _named(item, f"{field}.downwardAPI.path")
    if (token := source.get("serviceAccountToken")) is not None:
        wrong += _named(token, f"{field}.serviceAccountToken.path")
    return wrong


def _named(item: Obj, field: str) -> list[FieldError]:
    path = item.get("path", "")
    wrong = [] if path else [required(field)]
    wrong += _descending(path, field)
    if path.startswith("..") and not path.startswith("../"):
        wrong.append(invalid_value(field, path, "must not start with '..'"))
    return wrong


def _descending(path: str, field: str) -> list[FieldError]:
    absolute = path.startswith("/")
    wrong = [invalid_value(field, path, "must be a relative path")] if absolute else []
    return wrong + _steps_back(path, field)


def _steps_back(path: str, field: str) -> list[FieldError]:
    return [invalid_value(field, path, NO_STEPS_BACK)] if ".." in path.split("/") else []
