"""The registry: create, update, patch and delete, as the API server does them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import jsonpatch

from harness.lab.registry import admission, errors
from harness.lab.registry.allocation import Allocator
from harness.lab.registry.decode import Decoder, WrongType
from harness.lab.registry.kinds import strategy_of
from harness.lab.registry.merge import merge
from harness.lab.registry.schema import Struct, type_of
from harness.lab.resources import RESOURCES, Resource
from harness.lab.store import Obj, Store, copied

PatchType = Literal["merge", "strategic", "json", "apply"]
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What generated names end with: no vowels, so no words (apimachinery `util/rand`)."""
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
        "storageclasses.storage.k8s.io",
        "controllerrevisions.apps",
    )
)
SYSTEM_FIELDS = (
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


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utcnow() -> datetime:
    return datetime.now(UTC)


class Registry:
    """
    The one door to the store for everybody who writes.

    Every method raises `StatusError` with what the API server would have answered.
    """

    def __init__(self, store: Store, *, now: Callable[[], datetime] = _utcnow) -> None:
        self.store = store
        self.resources: dict[str, Resource] = dict(RESOURCES)
        self._types: dict[str, Struct] = {}
        self._allocator = Allocator(store)
        self._now = now

    def resource(self, name: str) -> Resource:
        found = self.resources.get(name)
        if found is None:
            raise errors.StatusError(
                404, "NotFound", "the server could not find the requested resource"
            )
        return found

    def type(self, kind: Resource) -> Struct:
        return self._types.get(kind.name) or type_of(kind)

    def get(self, resource: str, namespace: str | None, name: str) -> Obj:
        kind = self.resource(resource)
        found = self.store.get(resource, namespace if kind.namespaced else None, name)
        if found is None:
            raise errors.not_found(kind, name)
        return found

    def decode(self, kind: Resource, obj: Any) -> tuple[Obj, list[str]]:
        """The object in the server's form, and the paths of fields that its kind lacks."""
        decoder = Decoder(keep_empty=kind.custom)
        try:
            return decoder.struct(self.type(kind), obj), decoder.unknown
        except WrongType as wrong:
            raise errors.undecodable(kind, str(wrong)) from wrong

    def create(
        self, resource: str, obj: Obj, *, manager: str = "npol-lab", dry_run: bool = False
    ) -> Obj:
        kind = self.resource(resource)
        new = self.decode(kind, obj)[0]
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        self._fill_metadata(kind, new)
        admission.check_namespace(self.store, kind, new)
        strategy = strategy_of(resource)
        strategy.default(new)
        if resource == "pods":
            admission.admit_pod(self.store, kind, new)
            strategy.default(new)
        if "status" in kind.subresources and resource != "nodes":
            new.pop("status", None)
        strategy.prepare(new)
        self._check(kind, new, strategy.validate(new))
        if resource == "services":
            self._check(kind, new, self._allocator.fill(new))
        if resource == "pods":
            admission.check_quota(self.store, kind, new)
        name, namespace = new["metadata"]["name"], new["metadata"].get("namespace")
        if self.store.get(resource, namespace, name) is not None:
            raise errors.already_exists(kind, name)
        if dry_run:
            return new
        stored = self.store.put(resource, new)
        if resource == "namespaces":
            self.create("serviceaccounts", {"metadata": {"name": "default", "namespace": name}})
        return stored

    def _check(self, kind: Resource, obj: Obj, causes: list[errors.Cause]) -> None:
        if causes:
            raise errors.invalid(kind, obj["metadata"].get("name", ""), causes)

    def _fill_metadata(self, kind: Resource, obj: Obj) -> None:
        metadata = obj.setdefault("metadata", {})
        if metadata.get("resourceVersion"):
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(secrets.choice(ALPHABET) for _ in range(5))
            metadata["name"] = metadata["generateName"][:58] + suffix
        if not metadata.get("name"):
            rule = "name or generateName is required"
            self._check(kind, obj, [errors.required("metadata.name", rule)])
        if kind.namespaced:
            metadata.setdefault("namespace", "default")
        else:
            metadata.pop("namespace", None)
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(key, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = timestamp(self._now())
        metadata.pop("generation", None)
        if kind.name not in WITHOUT_GENERATION:
            metadata["generation"] = 1

    def update(
        self,
        resource: str,
        obj: Obj,
        *,
        subresource: str = "",
        manager: str = "npol-lab",
        dry_run: bool = False,
    ) -> Obj:
        kind = self.resource(resource)
        metadata = obj.get("metadata", {})
        old = self.get(resource, metadata.get("namespace"), metadata.get("name", ""))
        version = metadata.get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise errors.conflict(kind, metadata["name"], errors.MODIFIED)
        return self._replace(kind, old, copied(obj), subresource, dry_run)

    def _replace(self, kind: Resource, old: Obj, new: Obj, subresource: str, dry_run: bool) -> Obj:
        new = self.decode(kind, new)[0]
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        self._keep_system_fields(kind, old, new, subresource)
        strategy = strategy_of(kind.name)
        if not subresource:
            strategy.prepare_update(new, old)
        strategy.default(new)
        if not subresource:
            self._check(kind, new, strategy.validate(new) + strategy.validate_update(new, old))
        if kind.name == "services" and not subresource:
            self._check(kind, new, self._allocator.fill(new))
        if old == new:
            return old
        if kind.name not in WITHOUT_GENERATION and _content(old) != _content(new):
            new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        if dry_run:
            return new
        stored = self.store.put(kind.name, new)
        return self._remove_when_released(kind, stored)

    def _keep_system_fields(self, kind: Resource, old: Obj, new: Obj, subresource: str) -> None:
        metadata, before = new.setdefault("metadata", {}), old["metadata"]
        uid = metadata.get("uid")
        if uid and uid != before["uid"]:
            raise errors.conflict(kind, before["name"], _precondition("UID", uid, before["uid"]))
        for key in SYSTEM_FIELDS:
            _copy(before, metadata, key)
        if subresource == "status":
            kept = {k: v for k, v in old.items() if k not in ("metadata", "status")}
            for key in [k for k in new if k not in ("metadata", "status")]:
                del new[key]
            new.update(kept)
        elif "status" in kind.subresources and kind.name != "nodes":
            _copy(old, new, "status")

    def set_status(self, resource: str, namespace: str | None, name: str, status: Obj) -> Obj:
        """Merge top-level keys into `.status`; nothing is written when nothing changes."""
        old = self.get(resource, namespace, name)
        new = copied(old)
        new["status"] = {**new.get("status", {}), **copied(status)}
        return self._replace(self.resource(resource), old, new, "status", dry_run=False)

    def patch(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        patch: Any,
        *,
        type: PatchType,
        subresource: str = "",
        manager: str = "npol-lab",
        force: bool = False,
        dry_run: bool = False,
    ) -> Obj:
        kind = self.resource(resource)
        if type == "json":
            old = self.get(resource, namespace, name)
            new = cast(Obj, jsonpatch.apply_patch(old, patch))
            return self._replace(kind, old, new, subresource, dry_run)
        if type == "apply" and self.store.get(resource, namespace, name) is None:
            return self.create(resource, patch, manager=manager, dry_run=dry_run)
        old = self.get(resource, namespace, name)
        return self._replace(kind, old, merge(old, patch), subresource, dry_run)

    def delete(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace: int | None = None,
        propagation: str = "Background",
        dry_run: bool = False,
    ) -> Obj:
        kind = self.resource(resource)
        old = self.get(resource, namespace, name)
        self._check_preconditions(kind, old, uid, resource_version)
        if resource == "namespaces":
            admission.check_namespace_deletion(kind, name)
        if dry_run:
            return old
        if resource == "pods":
            seconds = _grace_of(old, grace)
            if seconds > 0:
                return self._mark_deleted(kind, old, seconds)
        if resource == "namespaces":
            return self._terminate(kind, old)
        finalizers = _finalizers_for(old, propagation)
        if finalizers:
            old["metadata"]["finalizers"] = finalizers
            return self._mark_deleted(kind, old, 0)
        return self.store.remove(resource, old["metadata"].get("namespace"), name)

    def _check_preconditions(
        self, kind: Resource, old: Obj, uid: str | None, version: str | None
    ) -> None:
        metadata = old["metadata"]
        pairs = (("UID", uid, "uid"), ("ResourceVersion", version, "resourceVersion"))
        for word, wanted, key in pairs:
            if wanted and wanted != metadata[key]:
                why = _precondition(word, wanted, metadata[key])
                raise errors.conflict(kind, metadata["name"], why)

    def _mark_deleted(self, kind: Resource, obj: Obj, grace: int) -> Obj:
        metadata = obj["metadata"]
        if "deletionTimestamp" in metadata and grace >= metadata["deletionGracePeriodSeconds"]:
            return obj
        metadata["deletionTimestamp"] = timestamp(self._now() + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
        if kind.name not in WITHOUT_GENERATION:
            metadata["generation"] = metadata.get("generation", 1) + 1
        return self.store.put(kind.name, obj)

    def _terminate(self, kind: Resource, namespace: Obj) -> Obj:
        if "deletionTimestamp" in namespace["metadata"]:
            return namespace
        namespace["metadata"]["deletionTimestamp"] = timestamp(self._now())
        namespace["status"] = {**namespace.get("status", {}), "phase": "Terminating"}
        return self.store.put(kind.name, namespace)

    def finalize(self, resource: str, namespace: str | None, name: str) -> None:
        """
        The owner of an object's last steps has done them: let the object go.

        The kubelet calls it for a pod, the namespace controller for a namespace.
        Finalizers of others still hold it.
        """
        kind = self.resource(resource)
        obj = self.store.get(resource, namespace if kind.namespaced else None, name)
        if obj is None:
            return
        if obj["metadata"].get("finalizers"):
            self._mark_deleted(kind, obj, 0)
            return
        self.store.remove(resource, obj["metadata"].get("namespace"), name)

    def _remove_when_released(self, kind: Resource, obj: Obj) -> Obj:
        """An object that waits for its deletion goes with its last finalizer."""
        metadata = obj["metadata"]
        held = metadata.get("finalizers") or kind.name == "namespaces"
        waiting = metadata.get("deletionGracePeriodSeconds", 0) > 0
        if "deletionTimestamp" not in metadata or held or waiting:
            return obj
        return self.store.remove(kind.name, metadata.get("namespace"), metadata["name"])


def _precondition(word: str, wanted: str, found: str) -> str:
    return f"Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {found}"


def _copy(source: Obj, target: Obj, key: str) -> None:
    if key in source:
        target[key] = copied(source[key])
    else:
        target.pop(key, None)


def _content(obj: Obj) -> Obj:
    """What a new generation is counted for."""
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")}


def _grace_of(pod: Obj, grace: int | None) -> int:
    """A pod that no node has taken, or that has ended, has nobody to wait for."""
    if not pod.get("spec", {}).get("nodeName"):
        return 0
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    wanted = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
    return int(wanted)


def _finalizers_for(obj: Obj, propagation: str) -> list[str]:
    own = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(propagation)
    kept = list(obj["metadata"].get("finalizers") or [])
    return kept if own is None or own in kept else [*kept, own]
