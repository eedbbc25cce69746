"""Namespaces: what each new one gets, and how one that is deleted is emptied."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj
from npol_lab.clock import timestamp
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.pods import is_going
from npol_lab.registry import Registry, StatusError
from npol_lab.store import Event

CA = "kube-root-ca.crt"
AGAIN = 0.2
"""Seconds between looks at a namespace that is not empty yet."""


class Namespaces(Controller):
    """Deletes all that is in a namespace, pods first, then lets the namespace go."""

    watches = ("namespaces",)

    def touches(self, event: Event) -> Iterable[Key]:
        going = event.type != "DELETED" and is_going(event.object)
        return [key_of("namespaces", event.object)] if going else []

    def reconcile(self, key: Key) -> None:
        namespace = self.one(*key)
        if namespace is None or not is_going(namespace):
            return
        left = self._content(key.name)
        for resource, obj in left:
            if not is_going(obj):
                self._delete(resource, obj)
        left = self._content(key.name)
        if left:
            self._tell(key.name, left)
            self.look_later(key, AGAIN)
        elif namespace["metadata"].get("finalizers"):
            self.look_later(key, AGAIN)
        else:
            self.registry.finalize("namespaces", None, key.name)

    def _content(self, namespace: str) -> list[tuple[str, Obj]]:
        """Events go last: what is deleted writes some."""
        kinds = [r for r in self.registry.resources.values() if r.namespaced]
        kinds.sort(key=lambda r: (r.name == "events", r.name != "pods"))
        store = self.registry.store
        return [(r.name, obj) for r in kinds for obj in store.list(r.name, namespace)]

    def _delete(self, resource: str, obj: Obj) -> None:
        metadata = obj["metadata"]
        try:
            self.registry.delete(resource, metadata["namespace"], metadata["name"])
        except StatusError as error:
            if error.code != 404:  # its owner's end may have taken it
                raise

    def _tell(self, name: str, left: list[tuple[str, Obj]]) -> None:
        """The conditions by which `kubectl describe` explains a namespace that stays."""
        remaining: dict[str, int] = {}
        for resource, _ in left:
            remaining[resource] = remaining.get(resource, 0) + 1
        held = [o for _, o in left if o["metadata"].get("finalizers")]
        counts = ", ".join(f"{r}. has {n} resource instances" for r, n in remaining.items())
        finalizers = sorted({f for o in held for f in o["metadata"]["finalizers"]})
        self.registry.set_status(
            "namespaces",
            None,
            name,
            {
                "conditions": [
                    self._condition(
                        "NamespaceContentRemaining",
                        "SomeResourcesRemain",
                        f"Some resources are remaining: {counts}",
                        bool(left),
                    ),
                    self._condition(
                        "NamespaceFinalizersRemaining",
                        "SomeFinalizersRemain",
                        f"Some content in the namespace has finalizers remaining: {finalizers}",
                        bool(held),
                    ),
                ]
            },
        )

    def _condition(self, kind: str, reason: str, message: str, holds: bool) -> Obj:
        return {
            "type": kind,
            "status": "True" if holds else "False",
            "reason": reason if holds else "ContentRemoved",
            "message": message if holds else "All content successfully removed",
            "lastTransitionTime": timestamp(self.clock()),
        }


class RootCertificates(Controller):
    """Every namespace has the API server's certificate authority in a ConfigMap."""

    watches = ("namespaces", "configmaps")

    def __init__(self, registry: Registry, *, ca: str) -> None:
        super().__init__(registry)
        self._ca = ca

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == "namespaces":
            return [key_of("namespaces", event.object)]
        metadata = event.object["metadata"]
        return [Key("namespaces", "", metadata["namespace"])] if metadata["name"] == CA else []

    def reconcile(self, key: Key) -> None:
        namespace = self.one(*key)
        if namespace is None or is_going(namespace):
            return
        data = {"ca.crt": self._ca}
        current = self.one("configmaps", key.name, CA)
        wanted = {"metadata": {"name": CA, "namespace": key.name}, "data": data}
        if current is None:
            self.registry.create("configmaps", wanted)
        elif current.get("data") != data:
            self.registry.update("configmaps", wanted)


class ServiceAccounts(Controller):
    """Every namespace has a service account `default`, made again if it is deleted."""

    watches = ("namespaces", "serviceaccounts")

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == "namespaces":
            return [key_of("namespaces", event.object)]
        metadata = event.object["metadata"]
        gone = event.type == "DELETED" and metadata["name"] == "default"
        return [Key("namespaces", "", metadata["namespace"])] if gone else []

    def reconcile(self, key: Key) -> None:
        namespace = self.one(*key)
        if namespace is None or is_going(namespace):
            return
        if self.one("serviceaccounts", key.name, "default") is None:
            metadata = {"name": "default", "namespace": key.name}
            self.registry.create("serviceaccounts", {"metadata": metadata})
