"""The registry: create, update, patch and delete, as the API server does them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from npol.api_rules.decode import WrongType
from npol.api_rules.kinds.definitions import DEFINITIONS
from npol.api_rules.objects import Obj, copied
from npol.api_rules.resources import ApiResource
from npol_lab.families import SINGLE, Family
from npol_lab.registry import (
    admission,
    calico_rules,
    deletion,
    errors,
    managed_fields,
    metadata,
    patches,
    pod_warnings,
    podsecurity,
    preconditions,
)
from npol_lab.registry.apply_checks import applicable
from npol_lab.registry.binding import bound
from npol_lab.registry.managed_fields import APPLY, UPDATE, Manager
from npol_lab.registry.patches import PatchType
from npol_lab.registry.served_kinds import Catalogue
from npol_lab.registry.write_checks import WriteChecks
from npol_lab.store import Store

OWN = "npol-lab"
"""The field manager of the lab's own controllers."""


def _utcnow() -> datetime:
    return datetime.now(UTC)


class Registry:
    """
    The one door to the store for everybody who writes.

    Every method raises `StatusError` with what the API server would have answered.
    """

    def __init__(
        self,
        store: Store,
        *,
        families: Sequence[Family] = SINGLE,
        now: Callable[[], datetime] = _utcnow,
    ) -> None:
        self.store = store
        self.catalogue = Catalogue()
        self._now = now
        self._checks = WriteChecks(store, self.catalogue, families, now)

    @property
    def resources(self) -> dict[str, ApiResource]:
        return self.catalogue.resources

    def resource(self, name: str) -> ApiResource:
        return self.catalogue.resource(name)

    def get(self, resource: str, namespace: str | None, name: str) -> Obj:
        kind = self.resource(resource)
        found = self.store.get(resource, namespace if kind.namespaced else None, name)
        if found is None:
            raise errors.not_found(kind, name)
        return found

    def create(
        self,
        resource: str,
        obj: Obj,
        *,
        manager: str = OWN,
        dry_run: bool = False,
        warnings: list[str] | None = None,
    ) -> Obj:
        """`warnings` takes what a client is to be told although the object is fine."""
        kind = self.resource(resource)
        new = self.catalogue.decode(kind, obj)[0]
        new.setdefault("metadata", {}).pop("managedFields", None)
        created = self._created(kind, new, _updater(kind, manager, ""), dry_run)
        return self._warned(kind, created, None, warnings)

    def _created(self, kind: ApiResource, new: Obj, manager: Manager, dry_run: bool) -> Obj:
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        metadata.fill(kind, new, self._now())
        admission.check_namespace(self.store, kind, new)
        if "status" in kind.subresources and kind.name != "nodes":
            new.pop("status", None)
        self.catalogue.strategy(kind).default(new)
        if manager.operation == UPDATE:
            empty = self.catalogue.decode(kind, {"metadata": {}})[0]
            managed_fields.update(self.catalogue.type(kind), empty, new, {}, manager, self._stamp())
        self._checks.prepare(kind, new)
        self._checks.allow_creation(kind, new)
        if dry_run:
            return new
        stored = self.store.put(kind.name, new)
        self._follow_up(kind, stored)
        return stored

    def _stamp(self) -> str:
        return metadata.timestamp(self._now())

    def _follow_up(self, kind: ApiResource, stored: Obj) -> None:
        """What must be there as soon as the object is."""
        if kind.name == "namespaces":
            name = stored["metadata"]["name"]
            self.create("serviceaccounts", {"metadata": {"name": "default", "namespace": name}})
        if kind.name == DEFINITIONS:
            self.catalogue.define(stored)

    def update(
        self,
        resource: str,
        obj: Obj,
        *,
        subresource: str = "",
        manager: str = OWN,
        dry_run: bool = False,
        warnings: list[str] | None = None,
    ) -> Obj:
        kind = self.resource(resource)
        head = obj.get("metadata", {})
        old = self.get(resource, head.get("namespace"), head.get("name", ""))
        if not head.get("resourceVersion") and not subresource and manager != OWN:
            preconditions.require_version(kind, old)
        preconditions.check_version(kind, old, obj)
        new = self._replace(kind, old, obj, _updater(kind, manager, subresource), dry_run)
        return self._warned(kind, new, old, warnings)

    def _warned(
        self, kind: ApiResource, new: Obj, old: Obj | None, warnings: list[str] | None
    ) -> Obj:
        if warnings is not None:
            warnings += pod_warnings.warnings(kind, new)
            warnings += podsecurity.warnings(self.store, kind, new, old)
        return new

    def _replace(
        self, kind: ApiResource, old: Obj, obj: Obj, manager: Manager, dry_run: bool
    ) -> Obj:
        """Everything between a new version of an object and the store."""
        new = self.catalogue.decode(kind, obj)[0]
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        subresource = manager.subresource
        metadata.keep(kind, old, new, subresource)
        owners = managed_fields.base_of(old, new)
        strategy = self.catalogue.strategy(kind)
        strategy.default(new)
        if manager.operation == UPDATE:
            managed_fields.update(
                self.catalogue.type(kind), old, new, owners, manager, self._stamp()
            )
        if not subresource:
            strategy.prepare_update(new, old)
            strategy.default(new)
        if subresource in ("", "scale"):
            self._checks.allow_update(kind, new, old)
        if subresource == metadata.EPHEMERAL:
            self._checks.allow_ephemeral(kind, new, old)
        if old == new:
            return old
        if metadata.content(old) != metadata.content(new) and "generation" in old["metadata"]:
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return new if dry_run else self._stored(kind, new)

    def _stored(self, kind: ApiResource, new: Obj) -> Obj:
        stored = self.store.put(kind.name, new)
        if kind.name == DEFINITIONS:
            self.catalogue.define(stored)
        going = "deletionTimestamp" in stored["metadata"]
        return self._remove(kind, stored) if going and not deletion.waits(stored) else stored

    def set_status(self, resource: str, namespace: str | None, name: str, status: Obj) -> Obj:
        """Merge top-level keys into `.status`; nothing is written when nothing changes."""
        old = self.get(resource, namespace, name)
        before = old.get("status", {})
        if all(before.get(k) == v for k, v in status.items()):
            return old
        new = {**old, "status": {**before, **copied(status)}}
        kind = self.resource(resource)
        return self._replace(kind, old, new, _updater(kind, OWN, "status"), dry_run=False)

    def bind(self, namespace: str, name: str, node: str) -> Obj:
        """Give a pod its node, once: what a scheduler does."""
        pod = bound(self.get("pods", namespace, name), node, self._stamp())
        return self.store.put("pods", self.catalogue.decode(self.resource("pods"), pod)[0])

    def patch(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        patch: Any,
        *,
        type: PatchType,
        subresource: str = "",
        manager: str = OWN,
        force: bool = False,
        dry_run: bool = False,
        validation: str = "Ignore",
        warnings: list[str] | None = None,
    ) -> Obj:
        """`validation`: unknown fields are refused (Strict), told in `warnings` (Warn), or not."""
        kind = self.resource(resource)
        if type == "apply":
            applier = Manager(APPLY, manager, subresource)
            live = self.store.get(kind.name, namespace if kind.namespaced else None, name)
            applied = self._applied(kind, live, (namespace, name), patch, applier, force, dry_run)
            return self._warned(kind, applied, live, warnings)
        old = self.get(resource, namespace, name)
        result = patches.patched(old, patch, type, self.catalogue.type(kind))
        try:
            new, unknown = self.catalogue.read(kind, result)
        except WrongType as wrong:
            why = wrong.converted if type == "strategic" else str(wrong)
            raise patches.rejected(result, patch, type, why) from wrong
        told = [f'unknown field "{path}"' for path in unknown if validation != "Ignore"]
        if told and validation == "Strict":
            why = f"strict decoding error: {', '.join(told)}"
            raise patches.rejected(result, patch, type, why)
        if warnings is not None:
            warnings += told
        preconditions.check_version(kind, old, new)
        preconditions.check_identity(kind, old, new)
        updater = _updater(kind, manager, subresource)
        return self._warned(kind, self._replace(kind, old, new, updater, dry_run), old, warnings)

    def _applied(
        self,
        kind: ApiResource,
        live: Obj | None,
        place: tuple[str | None, str],
        config: Any,
        manager: Manager,
        force: bool,
        dry_run: bool,
    ) -> Obj:
        config = applicable(kind, self.catalogue.type(kind), *place, config)
        start: Obj = live or {"metadata": {}}
        if live is not None:
            preconditions.check_version(kind, live, config)
        new = managed_fields.apply(
            self.catalogue.type(kind), start, config, manager, force=force, now=self._stamp()
        )
        if live is None:
            new = self.catalogue.decode(kind, new)[0]
            return self._created(kind, new, manager, dry_run)
        return self._replace(kind, live, new, manager, dry_run)

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
        preconditions.check_deletion(kind, old, uid, resource_version)
        if resource == "namespaces":
            admission.check_namespace_deletion(kind, name)
        if resource == calico_rules.TIERS:
            calico_rules.check_tier_deletion(self.store, kind, name)
        if dry_run:
            return old
        seconds = deletion.grace_of(old, grace) if resource == "pods" else 0
        old["metadata"]["finalizers"] = deletion.finalizers_for(old, propagation)
        if not old["metadata"]["finalizers"]:
            del old["metadata"]["finalizers"]
        if seconds or old["metadata"].get("finalizers") or resource == "namespaces":
            return self._marked(kind, old, seconds)
        gone = self._remove(kind, old)
        return deletion.dated(kind, gone, 0, self._now()) if resource == "pods" else gone

    def _marked(self, kind: ApiResource, obj: Obj, grace: int) -> Obj:
        """Deletion has begun; a second one can only shorten the wait."""
        head = obj["metadata"]
        begun = "deletionTimestamp" in head
        if begun and grace >= head.get("deletionGracePeriodSeconds", 0):
            return obj
        return self.store.put(kind.name, deletion.dated(kind, obj, grace, self._now()))

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
            self._marked(kind, obj, 0)
        else:
            self._remove(kind, obj)

    def _remove(self, kind: ApiResource, obj: Obj) -> Obj:
        if kind.name == DEFINITIONS:
            self.catalogue.undefine(obj, self.store)
        head = obj["metadata"]
        return self.store.remove(kind.name, head.get("namespace"), head["name"])


def _updater(kind: ApiResource, manager: str, subresource: str) -> Manager:
    return Manager(UPDATE, manager, subresource, kind.api_version)
