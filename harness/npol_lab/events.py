"""Events: what the parts of a cluster tell its users, shown by `kubectl describe`."""

from __future__ import annotations

import time
from collections.abc import Callable

from npol.api_rules.objects import Obj
from npol_lab.clock import timestamp
from npol_lab.registry import Registry, StatusError

KEPT = 2000
"""Events of one recorder that stay; a real server forgets them after an hour."""


class Recorder:
    """Writes events; an event that comes again counts up, as client-go's correlator does."""

    def __init__(
        self,
        registry: Registry,
        component: str,
        *,
        host: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._source = {"component": component} | ({"host": host} if host else {})
        self._clock = clock
        self._seen: dict[tuple[str, ...], tuple[str, str]] = {}

    def normal(self, obj: Obj, reason: str, message: str, *, field: str = "") -> None:
        self._record(obj, "Normal", reason, message, field)

    def warning(self, obj: Obj, reason: str, message: str, *, field: str = "") -> None:
        self._record(obj, "Warning", reason, message, field)

    def _record(self, obj: Obj, kind: str, reason: str, message: str, field: str) -> None:
        """An event is best effort: a namespace that is going away takes none."""
        key = (obj["metadata"].get("uid", ""), kind, reason, message, field)
        try:
            if not self._counted(key):
                self._seen[key] = self._created(obj, kind, reason, message, field)
        except StatusError:
            self._seen.pop(key, None)
        while len(self._seen) > KEPT:
            namespace, name = self._seen.pop(next(iter(self._seen)))
            self._forget(namespace, name)

    def _forget(self, namespace: str, name: str) -> None:
        if self._registry.store.get("events", namespace, name) is not None:
            self._registry.delete("events", namespace, name)

    def _counted(self, key: tuple[str, ...]) -> bool:
        namespace, name = self._seen.get(key, ("", ""))
        event = self._registry.store.get("events", namespace, name) if name else None
        if event is None:
            return False
        event["count"] += 1
        event["lastTimestamp"] = timestamp(self._clock())
        self._registry.update("events", event)
        return True

    def _created(
        self, obj: Obj, kind: str, reason: str, message: str, field: str
    ) -> tuple[str, str]:
        metadata, now = obj["metadata"], self._clock()
        namespace = metadata.get("namespace") or "default"
        name = f"{metadata['name']}.{int(now * 1e9):x}"
        event = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": _reference(obj) | ({"fieldPath": field} if field else {}),
            "type": kind,
            "reason": reason,
            "message": message,
            "source": self._source,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
        }
        self._registry.create("events", event)
        return namespace, name


def _reference(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    reference = {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj.get("kind"),
        "namespace": metadata.get("namespace"),
        "name": metadata["name"],
        "uid": metadata.get("uid"),
        "resourceVersion": metadata.get("resourceVersion"),
    }
    return {k: v for k, v in reference.items() if v}
