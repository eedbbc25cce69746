"""Deployments: one ReplicaSet per template, rolled from the old ones to the newest."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj, copied
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.deployment_status import deployment_status, seconds_left
from npol_lab.controllers.owners import claim, controller_of, reference_to, selects
from npol_lab.controllers.pods import is_going
from npol_lab.controllers.replicasets import REPLICASETS
from npol_lab.controllers.rollout import (
    HASH,
    REVISION,
    drops,
    replicas,
    revision,
    rolling_limits,
    template_hash,
    without_hash,
)
from npol_lab.events import Recorder
from npol_lab.registry import Registry
from npol_lab.store import Event

DEPLOYMENTS = "deployments.apps"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MOST = "deployment.kubernetes.io/max-replicas"


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
        wanted = without_hash(deployment["spec"]["template"])
        for found in sorted(sets, key=lambda s: s["metadata"]["creationTimestamp"]):
            if without_hash(found["spec"]["template"]) == wanted:
                return self._renewed(found, sets)
        if deployment["spec"].get("paused"):
            return None
        return self._create(deployment, sets)

    def _renewed(self, found: Obj, sets: list[Obj]) -> Obj:
        """A template that comes back makes its old ReplicaSet the newest revision."""
        latest = max((revision(s) for s in sets), default=0)
        if revision(found) == latest:
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
                    **_size(spec),
                    REVISION: str(max((revision(s) for s in sets), default=0) + 1),
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
        old_total = sum(replicas(s) for s in old)
        room = wanted + surge - old_total
        self._scale(deployment, newest, max(min(replicas(newest), wanted), min(wanted, room)))
        fresh = self.one(REPLICASETS, newest["metadata"]["namespace"], newest["metadata"]["name"])
        for replica_set, drop in drops(fresh or newest, old, wanted - unavailable):
            self._scale(deployment, replica_set, replicas(replica_set) - drop)

    def _scale(self, deployment: Obj, replica_set: Obj, wanted: int) -> None:
        have, metadata = replicas(replica_set), replica_set["metadata"]
        if have == wanted:
            return
        new: Obj = copied(replica_set)
        new["spec"]["replicas"] = wanted
        new["metadata"].setdefault("annotations", {}).update(_size(deployment["spec"]))
        new["metadata"].pop("resourceVersion", None)
        self.registry.update(REPLICASETS, new)
        direction = "up" if wanted > have else "down"
        message = f"Scaled {direction} replica set {metadata['name']} from {have} to {wanted}"
        self._events.normal(deployment, "ScalingReplicaSet", message)

    def _forget(self, deployment: Obj, old: list[Obj]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        done = [s for s in old if replicas(s) == 0 and not s.get("status", {}).get("replicas", 0)]
        for replica_set in sorted(done, key=revision)[: max(0, len(done) - limit)]:
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
        status = deployment_status(deployment, sets, self.clock())
        written = self.registry.set_status(DEPLOYMENTS, key.namespace, key.name, status)
        left = seconds_left(written, self.clock())
        if left is not None:
            self.look_later(key, left)


def _size(spec: Obj) -> dict[str, str]:
    """What a ReplicaSet is told of its Deployment's size, in annotations."""
    wanted = int(spec.get("replicas", 1))
    rolls = (spec.get("strategy") or {}).get("type") != "Recreate"
    most = wanted + (rolling_limits(spec, wanted)[0] if rolls and wanted else 0)
    return {DESIRED: str(wanted), MOST: str(most)}
