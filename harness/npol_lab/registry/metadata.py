"""`metadata`: what the server sets, what it keeps on updates, what it refuses."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from npol.api_rules.field_errors import FieldError, field_forbidden, go_strings
from npol.api_rules.objects import Obj, copied
from npol.api_rules.resources import ApiResource
from npol_lab.registry import errors

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What generated names end with: no vowels, so no words (apimachinery `util/rand`)."""
PREFIX_LENGTH = 58
WITHOUT_GENERATION = frozenset(
    (
        "namespaces",
        "nodes",
        "services",
        "endpoints",
        "configmaps",
        "secrets",
        "serviceaccounts",
        "events",
        "leases.coordination.k8s.io",
        "limitranges",
        "resourcequotas",
        "persistentvolumes",
        "persistentvolumeclaims",
        "horizontalpodautoscalers.autoscaling",
        "roles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
        "apiservices.apiregistration.k8s.io",
        "certificatesigningrequests.certificates.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "csistoragecapacities.storage.k8s.io",
        "events.events.k8s.io",
        "ipaddresses.networking.k8s.io",
        "runtimeclasses.node.k8s.io",
        "servicecidrs.networking.k8s.io",
        "storageclasses.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "controllerrevisions.apps",
    )
)
KEPT = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
)
"""What an update does not change."""


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fill(kind: ApiResource, obj: Obj, now: datetime) -> None:
    """
    Name, uid and time of a new object.

    Raises:
        StatusError: 500 for a resourceVersion, which only the server gives.
    """
    metadata = obj.setdefault("metadata", {})
    if metadata.get("resourceVersion"):
        message = "resourceVersion should not be set on objects to be created"
        raise errors.StatusError(500, "", message)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated(metadata["generateName"])
    if kind.namespaced:
        metadata.setdefault("namespace", "default")
    else:
        metadata.pop("namespace", None)
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
        metadata.pop(key, None)
    metadata.pop("resourceVersion", None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamp(now)
    if kind.name not in WITHOUT_GENERATION:
        metadata["generation"] = 1


def generated(prefix: str) -> str:
    return prefix[:PREFIX_LENGTH] + "".join(secrets.choice(ALPHABET) for _ in range(5))


EPHEMERAL = "ephemeralcontainers"


def keep(kind: ApiResource, old: Obj, new: Obj, subresource: str) -> None:
    """
    Put back what an update may not touch: system fields, and status or all but the status.

    Raises:
        StatusError: 409 when the update is meant for another object of that name.
    """
    metadata, before = new.setdefault("metadata", {}), old["metadata"]
    uid = metadata.get("uid")
    if uid and uid != before["uid"]:
        why = precondition(kind, old, "UID", uid, before["uid"])
        raise errors.conflict(kind, before["name"], why)
    for key in KEPT:
        _take(before, metadata, key)
    if subresource == "status":
        for key in {*old, *new} - {"metadata", "status"}:
            _take(old, new, key)
    elif subresource == EPHEMERAL:
        added = (new.get("spec") or {}).get("ephemeralContainers") or []
        for key in {*old, *new} - {"metadata"}:
            _take(old, new, key)
        new["spec"]["ephemeralContainers"] = added
    elif "status" in kind.subresources and kind.name != "nodes":
        _take(old, new, "status")


def _take(source: Obj, target: Obj, key: str) -> None:
    if key in source:
        target[key] = copied(source[key])
    else:
        target.pop(key, None)


STORED_AS = {
    "services": "services/specs",
    "endpoints": "services/endpoints",
    "nodes": "minions",
    "ingresses.networking.k8s.io": "ingress",
}


def precondition(kind: ApiResource, obj: Obj, word: str, wanted: str, found: str) -> str:
    """The storage layer's words, etcd key included."""
    head = obj["metadata"]
    prefix = STORED_AS.get(kind.name, f"{kind.group}/{kind.plural}" if kind.custom else kind.plural)
    key = "/".join(p for p in (prefix, head.get("namespace"), head["name"]) if p)
    return (
        f"StorageError: invalid object, Code: 4, Key: /registry/{key}, ResourceVersion: 0, "
        f"AdditionalErrorMsg: Precondition failed: {word} in precondition: {wanted}, "
        f"{word} in object meta: {found}"
    )


def check_update(new: Obj, old: Obj) -> list[FieldError]:
    """What may not change, beside what `keep` has put back."""
    before, after = (set(o["metadata"].get("finalizers") or []) for o in (old, new))
    added = sorted(after - before)
    if "deletionTimestamp" not in old["metadata"] or not added:
        return []
    rule = (
        "no new finalizers can be added if the object is being deleted, "
        f"found new finalizers {go_strings(added)}"
    )
    return [field_forbidden("metadata.finalizers", rule)]


def content(obj: Any) -> Any:
    """What a new generation is counted for."""
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")}
