"""Deployments: one ReplicaSet per template, rolled from the old ones to the newest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator

from harness.lab.clock import timestamp
from harness.lab.controllers.controller import Controller, Key, key_of
from harness.lab.controllers.owners import claim, controller_of, reference_to, selects
from harness.lab.controllers.pods import condition, is_going
from harness.lab.controllers.replicasets import REPLICASETS
from harness.lab.events import Recorder
from harness.lab.registry import Registry
from harness.lab.store import Event, Obj, copied

DEPLOYMENTS = "deployments.apps"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


class Deployments(Controller):
    """Rolls with maxSurge and maxUnavailable, or recreates; keeps `revisionHistoryLimit`."""

    watches = (DEPLOYMENTS, REPLICASETS, "pods")

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._events = Recorder(registry, "deployment-controller")

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == DEPLOYMENTS:
            return [key_of(DEPLOYMENTS, event.object)]
        if event.resource == "pods":
            return self._of_pod(event) if event.type == "DELETED" else []
        return self._of_set(event.object)

    def _of_set(self, replica_set: Obj) -> list[Key]:
        reference, namespace = controller_of(replica_set), replica_set["metadata"]["namespace"]
        if reference is not None:
            return [Key(DEPLOYMENTS, namespace, reference["name"])]
        found = self.all(DEPLOYMENTS, namespace)
        return [
            key_of(DEPLOYMENTS, d) for d in found if selects(d["spec"].get("selector"), replica_set)
        ]

    def _of_pod(self, event: Event) -> list[Key]:
        """A recreation waits for the last old pod to be gone."""
        reference = controller_of(event.object)
        if reference is None or reference["kind"] != "ReplicaSet":
            return []
        owner = self.one(REPLICASETS, event.object["metadata"]["namespace"], reference["name"])
        return self._of_set(owner) if owner is not None else []

    def reconcile(self, key: Key) -> None:
        deployment = self.one(*key)
        if deployment is None:
            return
        sets = claim(
            self.registry,
            REPLICASETS,
            deployment,
            deployment["spec"]["selector"],
            [s for s in self.all(REPLICASETS, key.namespace) if not is_going(s)],
        )
        if not is_going(deployment):
            newest = self._newest(deployment, sets)
            if newest is not None:
                old = [s for s in sets if s["metadata"]["uid"] != newest["metadata"]["uid"]]
                self._annotate(deployment, newest)
                self._roll(deployment, newest, old)
                self._forget(deployment, old)
        self._write_status(key)

    def _newest(self, deployment: Obj, sets: list[Obj]) -> Obj | None:
        """The ReplicaSet of the current template, made if need be."""
        wanted = _without_hash(deployment["spec"]["template"])
        for found in sorted(sets, key=lambda s: s["metadata"]["creationTimestamp"]):
            if _without_hash(found["spec"]["template"]) == wanted:
                return self._renewed(found, sets)
        if deployment["spec"].get("paused"):
            return None
        return self._create(deployment, sets)

    def _renewed(self, found: Obj, sets: list[Obj]) -> Obj:
        """A template that comes back makes its old ReplicaSet the newest revision."""
        latest = max((_revision(s) for s in sets), default=0)
        if _revision(found) == latest:
            return found
        new: Obj = copied(found)
        new["metadata"].setdefault("annotations", {})[REVISION] = str(latest + 1)
        return self.registry.update(REPLICASETS, new)

    def _create(self, deployment: Obj, sets: list[Obj]) -> Obj:
        metadata, spec = deployment["metadata"], deployment["spec"]
        label = template_hash(spec["template"])
        template: Obj = copied(spec["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = label
        selector: Obj = copied(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH] = label
        new = {
            "metadata": {
                "name": f"{metadata['name']}-{label}",
                "namespace": metadata["namespace"],
                "labels": template["metadata"]["labels"],
                "annotations": {
                    DESIRED: str(spec.get("replicas", 1)),
                    REVISION: str(max((_revision(s) for s in sets), default=0) + 1),
                },
                "ownerReferences": [reference_to(deployment)],
            },
            "spec": {
                "replicas": 0,
                "minReadySeconds": spec.get("minReadySeconds", 0),
                "selector": selector,
                "template": template,
            },
        }
        return self.registry.create(REPLICASETS, new)

    def _annotate(self, deployment: Obj, newest: Obj) -> None:
        revision = (newest["metadata"].get("annotations") or {}).get(REVISION, "1")
        annotations = deployment["metadata"].get("annotations") or {}
        if annotations.get(REVISION) != revision:
            new: Obj = copied(deployment)
            new["metadata"].setdefault("annotations", {})[REVISION] = revision
            self.registry.update(DEPLOYMENTS, new)

    def _roll(self, deployment: Obj, newest: Obj, old: list[Obj]) -> None:
        spec = deployment["spec"]
        wanted = spec.get("replicas", 1)
        if spec.get("paused"):
            return
        if (spec.get("strategy") or {}).get("type") == "Recreate":
            self._recreate(deployment, newest, old, wanted)
        else:
            self._roll_over(deployment, newest, old, wanted)

    def _recreate(self, deployment: Obj, newest: Obj, old: list[Obj], wanted: int) -> None:
        for replica_set in old:
            self._scale(deployment, replica_set, 0)
        if not any(self._pods_of(replica_set) for replica_set in old):
            self._scale(deployment, newest, wanted)

    def _pods_of(self, replica_set: Obj) -> list[Obj]:
        uid = replica_set["metadata"]["uid"]
        pods = self.all("pods", replica_set["metadata"]["namespace"])
        return [p for p in pods if (controller_of(p) or {}).get("uid") == uid]

    def _roll_over(self, deployment: Obj, newest: Obj, old: list[Obj], wanted: int) -> None:
        surge, unavailable = rolling_limits(deployment["spec"], wanted)
        old_total = sum(_replicas(s) for s in old)
        room = wanted + surge - old_total
        self._scale(deployment, newest, max(min(_replicas(newest), wanted), min(wanted, room)))
        fresh = self.one(REPLICASETS, newest["metadata"]["namespace"], newest["metadata"]["name"])
        for replica_set, drop in drops(fresh or newest, old, wanted - unavailable):
            self._scale(deployment, replica_set, _replicas(replica_set) - drop)

    def _scale(self, deployment: Obj, replica_set: Obj, replicas: int) -> None:
        have, metadata = _replicas(replica_set), replica_set["metadata"]
        if have == replicas:
            return
        new: Obj = copied(replica_set)
        new["spec"]["replicas"] = replicas
        annotations = new["metadata"].setdefault("annotations", {})
        annotations[DESIRED] = str(deployment["spec"].get("replicas", 1))
        new["metadata"].pop("resourceVersion", None)
        self.registry.update(REPLICASETS, new)
        direction = "up" if replicas > have else "down"
        message = f"Scaled {direction} replica set {metadata['name']} from {have} to {replicas}"
        self._events.normal(deployment, "ScalingReplicaSet", message)

    def _forget(self, deployment: Obj, old: list[Obj]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        done = [s for s in old if _replicas(s) == 0 and not s.get("status", {}).get("replicas", 0)]
        for replica_set in sorted(done, key=_revision)[: max(0, len(done) - limit)]:
            metadata = replica_set["metadata"]
            self.registry.delete(REPLICASETS, metadata["namespace"], metadata["name"])

    def _write_status(self, key: Key) -> None:
        deployment = self.registry.store.get(*key)
        if deployment is None:
            return
        sets = [
            s
            for s in self.registry.store.list(REPLICASETS, key.namespace)
            if (controller_of(s) or {}).get("uid") == deployment["metadata"]["uid"]
        ]
        status = deployment_status(deployment, sets, timestamp(self.clock()))
        self.registry.set_status(DEPLOYMENTS, key.namespace, key.name, status)


def template_hash(template: Obj) -> str:
    """A label value that is the same for equal templates, in the alphabet of real ones."""
    text = json.dumps(_without_hash(template), sort_keys=True)
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
    letters = ""
    for _ in range(10):
        number, index = divmod(number, len(_SAFE))
        letters += _SAFE[index]
    return letters


def _without_hash(template: Obj) -> Obj:
    new: Obj = copied(template)
    ((new.get("metadata") or {}).get("labels") or {}).pop(HASH, None)
    return new


def _revision(replica_set: Obj) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def _replicas(replica_set: Obj) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def drops(newest: Obj, old: list[Obj], least: int) -> Iterator[tuple[Obj, int]]:
    """
    By how much each old ReplicaSet may shrink while `least` pods stay available.

    Unhealthy pods go first. A status may lag behind: never more pods are believed to be
    available than are wanted. Source: Kubernetes pkg/controller/deployment/rolling.go.
    """
    healthy = {s["metadata"]["uid"]: _available_in(s) for s in (newest, *old)}
    pending = _replicas(newest) - _available_in(newest)
    room = _replicas(newest) + sum(_replicas(s) for s in old) - least - pending
    spare = sum(healthy.values()) - least
    for replica_set in sorted(old, key=_revision):
        well = healthy[replica_set["metadata"]["uid"]]
        sick = max(0, min(_replicas(replica_set) - well, room))
        sound = max(0, min(well, spare, room - sick))
        room -= sick + sound
        spare -= sound
        if sick + sound:
            yield replica_set, sick + sound


def _available_in(replica_set: Obj) -> int:
    counted = replica_set.get("status", {}).get("availableReplicas", 0)
    return min(_replicas(replica_set), int(counted))


def rolling_limits(spec: Obj, wanted: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods; both nought means one may be unavailable."""
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
    return surge, (1 if surge == 0 and unavailable == 0 else unavailable)


def _share(value: int | str, whole: int, rounded: object) -> int:
    if isinstance(value, int):
        return value
    share = whole * int(value.rstrip("%")) / 100
    return math.ceil(share) if rounded is math.ceil else math.floor(share)


def deployment_status(deployment: Obj, sets: list[Obj], now: str) -> Obj:
    """
    Counts and the conditions Available and Progressing.

    Source: Kubernetes pkg/controller/deployment/sync.go and progress.go.
    """
    spec = deployment["spec"]
    wanted = spec.get("replicas", 1)
    current = _without_hash(spec["template"])
    newest = [s for s in sets if _without_hash(s["spec"]["template"]) == current]
    counts = {
        "replicas": _count(sets, "replicas"),
        "updatedReplicas": _count(newest, "replicas"),
        "readyReplicas": _count(sets, "readyReplicas"),
        "availableReplicas": _count(sets, "availableReplicas"),
    }
    counts["unavailableReplicas"] = max(
        0, max(wanted, counts["replicas"]) - counts["availableReplicas"]
    )
    status: Obj = {"observedGeneration": deployment["metadata"].get("generation", 1), **counts}
    status["conditions"] = [
        _stamped(c, condition(deployment, c["type"]), now)
        for c in (
            _available(spec, counts, wanted),
            _progressing(deployment, newest, counts, wanted),
            *_failures(sets),
        )
    ]
    return status


def _count(sets: list[Obj], key: str) -> int:
    return sum(s.get("status", {}).get(key, 0) for s in sets)


def _available(spec: Obj, counts: Obj, wanted: int) -> Obj:
    _, unavailable = rolling_limits(spec, wanted)
    if (spec.get("strategy") or {}).get("type") == "Recreate":
        unavailable = 0
    good = counts["availableReplicas"] >= wanted - unavailable
    return {
        "type": "Available",
        "status": "True" if good else "False",
        "reason": "MinimumReplicasAvailable" if good else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if good else 'does not have'} minimum availability.",
    }


def _progressing(deployment: Obj, newest: list[Obj], counts: Obj, wanted: int) -> Obj:
    name = newest[0]["metadata"]["name"] if newest else deployment["metadata"]["name"]
    done = (
        counts["updatedReplicas"] == wanted
        and counts["replicas"] == wanted
        and counts["availableReplicas"] == wanted
    )
    message = f'ReplicaSet "{name}" {"has successfully progressed" if done else "is progressing"}.'
    reason = "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"
    return {"type": "Progressing", "status": "True", "reason": reason, "message": message}


def _failures(sets: list[Obj]) -> list[Obj]:
    for replica_set in sets:
        if failure := condition(replica_set, "ReplicaFailure"):
            return [failure]
    return []


def _stamped(fresh: Obj, before: Obj | None, now: str) -> Obj:
    """Times move only when the condition does."""
    if before is not None and all(before.get(k) == v for k, v in fresh.items()):
        return before
    moved = before is None or before["status"] != fresh["status"]
    transition = now if moved or before is None else before.get("lastTransitionTime", now)
    return {**fresh, "lastTransitionTime": transition, "lastUpdateTime": now}
