"""What a request takes for granted of the object that is there; each raises `StatusError`."""

from __future__ import annotations

from npol.api_rules.kinds.definitions import DEFINITIONS
from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry import errors

CONDITIONAL = ("leases.coordination.k8s.io", "poddisruptionbudgets.policy", DEFINITIONS)
"""Kinds that are not updated without a resourceVersion (`AllowUnconditionalUpdate`)."""


def require_version(kind: ApiResource, old: Obj) -> None:
    if kind.name in CONDITIONAL or kind.custom:
        raise errors.version_required(kind, old["metadata"]["name"])


def check_version(kind: ApiResource, old: Obj, new: Obj) -> None:
    version = new.get("metadata", {}).get("resourceVersion")
    if version and version != old["metadata"]["resourceVersion"]:
        raise errors.conflict(kind, old["metadata"]["name"], errors.MODIFIED)


def check_identity(kind: ApiResource, old: Obj, new: Obj) -> None:
    if new.get("metadata", {}).get("name") != old["metadata"]["name"]:
        raise errors.bad_request("the name of the object does not match the name on the URL")
    if new.get("kind") != kind.kind or new.get("apiVersion") != kind.api_version:
        raise errors.bad_request("a patch may not change apiVersion or kind")


def check_deletion(kind: ApiResource, old: Obj, uid: str | None, version: str | None) -> None:
    """
    Raises:
        StatusError: 409 when the object is not the one that the client has seen.
    """
    head = old["metadata"]
    for word, wanted, key, past in (
        ("UID", uid, "uid", "deleted and then recreated"),
        ("ResourceVersion", version, "resourceVersion", "modified"),
    ):
        if wanted and wanted != head[key]:
            why = (
                f"the {word} in the precondition ({wanted}) does not match the {word} in record "
                f"({head[key]}). The object might have been {past}"
            )
            called = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
            message = f'Operation cannot be fulfilled on {called} "{head["name"]}": {why}'
            details = {"name": head["name"], "group": kind.group, "kind": kind.kind}
            details = {k: v for k, v in details.items() if v}
            raise errors.StatusError(409, "Conflict", message, details)
