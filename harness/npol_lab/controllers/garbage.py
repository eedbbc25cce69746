"""
Garbage collection: what has lost its owners goes, too.

Source of the rules: Kubernetes pkg/controller/garbagecollector/garbagecollector.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj, copied
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.pods import is_going
from npol_lab.registry import Registry
from npol_lab.store import Event

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class GarbageCollector(Controller):
    """
    An object whose owners are all gone is deleted. An owner is found by its uid, in
    the object's own namespace or among the cluster's objects: one that names an owner
    in another namespace has none.
    """

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._kinds: dict[tuple[str, str], str] = {}
        self._dependents: dict[str, set[Key]] = {}
        """By uid of the owner."""
        self._owners: dict[Key, list[str]] = {}

    def _learn(self, event: Event) -> None:
        if event.resource == "events" or event.resource not in self.registry.resources:
            return
        self._objects.setdefault(event.resource, {})
        self._index(event)
        super()._learn(event)

    def _index(self, event: Event) -> None:
        key = key_of(event.resource, event.object)
        for uid in self._owners.pop(key, []):
            self._dependents[uid].discard(key)
        if event.type != "DELETED":
            uids = [r["uid"] for r in event.object["metadata"].get("ownerReferences") or []]
            if uids:
                self._owners[key] = uids
            for uid in uids:
                self._dependents.setdefault(uid, set()).add(key)

    def touches(self, event: Event) -> Iterable[Key]:
        metadata = event.object["metadata"]
        key = key_of(event.resource, event.object)
        if event.type == "DELETED":
            dependents = self._dependents.get(metadata["uid"], set())
            return [*dependents, *self._blocked_owners(event.object)]
        concerned = metadata.get("ownerReferences") or is_going(event.object)
        return [key] if concerned else []

    def _blocked_owners(self, obj: Obj) -> Iterable[Key]:
        """Owners that wait, in the foreground, for this one to be gone."""
        for reference in obj["metadata"].get("ownerReferences") or []:
            found = self._owner_key(obj, reference)
            if found is not None:
                yield found

    def _owner_key(self, obj: Obj, reference: Obj) -> Key | None:
        resource = self._resource_of(reference)
        if resource is None:
            return None
        namespaced = self.registry.resources[resource].namespaced
        namespace = obj["metadata"].get("namespace", "") if namespaced else ""
        return Key(resource, namespace, reference["name"])

    def _resource_of(self, reference: Obj) -> str | None:
        group = reference["apiVersion"].rpartition("/")[0]
        for name, resource in self.registry.resources.items():
            if (resource.group, resource.kind) == (group, reference["kind"]):
                return name
        return None

    def reconcile(self, key: Key) -> None:
        obj = self._objects.get(key.resource, {}).get((key.namespace, key.name))
        if obj is None:
            return
        finalizers = obj["metadata"].get("finalizers") or []
        if is_going(obj) and ORPHAN in finalizers:
            self._orphan(key, obj)
        elif is_going(obj) and FOREGROUND in finalizers:
            self._delete_dependents(key, obj)
        elif not is_going(obj):
            self._collect(key, obj)

    def _collect(self, key: Key, obj: Obj) -> None:
        references = obj["metadata"].get("ownerReferences") or []
        owners = [(r, self._owner(obj, r)) for r in references]
        solid = [r for r, owner in owners if owner is not None and not _waits(owner)]
        waiting = [r for r, owner in owners if owner is not None and _waits(owner)]
        if not references or len(solid) == len(references):
            return
        if solid:
            self._keep_only(key, obj, solid)
        elif waiting:
            self._delete(
                key, obj, "Foreground" if self._dependents.get(_uid(obj)) else "Background"
            )
        else:
            self._delete(key, obj, "Background")

    def _owner(self, obj: Obj, reference: Obj) -> Obj | None:
        """
        None when it does not exist. A kind that nobody serves cannot be checked, so its
        dependents stay.
        """
        key = self._owner_key(obj, reference)
        if key is None:
            return {"metadata": {}}
        found = self._objects.get(key.resource, {}).get((key.namespace, key.name))
        return found if found is not None and _uid(found) == reference["uid"] else None

    def _delete(self, key: Key, obj: Obj, propagation: str) -> None:
        self.registry.delete(
            key.resource,
            key.namespace or None,
            key.name,
            uid=_uid(obj),
            resource_version=obj["metadata"]["resourceVersion"],
            propagation=propagation,
        )

    def _keep_only(self, key: Key, obj: Obj, references: list[Obj]) -> None:
        new: Obj = copied(obj)
        new["metadata"]["ownerReferences"] = references
        self.registry.update(key.resource, new)

    def _orphan(self, key: Key, obj: Obj) -> None:
        for dependent in sorted(self._dependents.get(_uid(obj), ())):
            found = self.registry.store.get(*dependent)
            if found is not None:
                kept = [r for r in found["metadata"]["ownerReferences"] if r["uid"] != _uid(obj)]
                self._keep_only(dependent, found, kept)
        self._release(obj, key.resource, ORPHAN)

    def _delete_dependents(self, key: Key, obj: Obj) -> None:
        """The owner goes after those dependents that say `blockOwnerDeletion`."""
        blocking = False
        for dependent in sorted(self._dependents.get(_uid(obj), ())):
            found = self.registry.store.get(*dependent)
            if found is None:
                continue
            references = found["metadata"].get("ownerReferences") or []
            mine = [r for r in references if r["uid"] == _uid(obj)]
            blocking = blocking or any(r.get("blockOwnerDeletion") for r in mine)
            self.look_at(dependent)
        if not blocking:
            self._release(obj, key.resource, FOREGROUND)

    def _release(self, obj: Obj, resource: str, finalizer: str) -> None:
        metadata = obj["metadata"]
        current = self.registry.store.get(resource, metadata.get("namespace"), metadata["name"])
        if current is not None and _uid(current) == _uid(obj):
            left = [f for f in current["metadata"].get("finalizers") or [] if f != finalizer]
            current["metadata"]["finalizers"] = left
            self.registry.update(resource, current)


def _uid(obj: Obj) -> str:
    return str(obj["metadata"].get("uid", ""))


def _waits(owner: Obj) -> bool:
    """It is being deleted in the foreground: its dependents go first."""
    metadata = owner["metadata"]
    return "deletionTimestamp" in metadata and FOREGROUND in (metadata.get("finalizers") or [])
