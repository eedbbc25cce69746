"""
Claims get a volume at once, whatever class they name: in a lab a volume is a directory.

As on a cluster, a claim that a pod uses and a volume that is bound are not deleted before that
has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from npol.api_rules.kinds.storage_kinds import CLAIM_IN_USE, VOLUME_IN_USE
from npol.api_rules.objects import Obj, copied
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.pods import is_finished, is_going
from npol_lab.store import Event

CLAIMS, VOLUMES = "persistentvolumeclaims", "persistentvolumes"
PROVISIONER = "directories.npol-lab"
PROVISIONED = "pv.kubernetes.io/provisioned-by"


class Claims(Controller):
    watches = (CLAIMS, VOLUMES, "pods")

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == CLAIMS:
            yield key_of(CLAIMS, event.object)
            yield from self._volumes_of(event.object)
        elif event.resource == VOLUMES:
            yield Key(VOLUMES, "", event.object["metadata"]["name"])
        else:
            namespace = event.object["metadata"]["namespace"]
            yield from (Key(CLAIMS, namespace, name) for name in _claims_of(event.object))

    def _volumes_of(self, claim: Obj) -> Iterator[Key]:
        if name := claim["spec"].get("volumeName"):
            yield Key(VOLUMES, "", name)

    def reconcile(self, key: Key) -> None:
        obj = self.one(*key)
        if obj is None:
            return
        if key.resource == VOLUMES:
            self._tend_volume(obj)
        elif is_going(obj):
            if not self._in_use(obj):
                self._release(CLAIMS, obj, CLAIM_IN_USE)
        elif obj.get("status", {}).get("phase") != "Bound":
            self._bind(obj)

    def _in_use(self, claim: Obj) -> bool:
        namespace, name = claim["metadata"]["namespace"], claim["metadata"]["name"]
        users = (p for p in self.all("pods", namespace) if name in _claims_of(p))
        return any(not is_finished(p) for p in users)

    def _release(self, resource: str, obj: Obj, finalizer: str) -> None:
        freed = copied(obj)
        kept = [f for f in freed["metadata"].get("finalizers") or [] if f != finalizer]
        if kept != freed["metadata"].get("finalizers"):
            freed["metadata"]["finalizers"] = kept
            self.registry.update(resource, freed)

    def _bind(self, claim: Obj) -> None:
        volume = self._chosen(claim) or self._provisioned(claim)
        bound = copied(claim)
        bound["spec"]["volumeName"] = volume["metadata"]["name"]
        bound["metadata"].setdefault("annotations", {})["pv.kubernetes.io/bind-completed"] = "yes"
        self.registry.update(CLAIMS, bound)
        spec = volume["spec"]
        status = {
            "phase": "Bound",
            "accessModes": spec["accessModes"],
            "capacity": spec["capacity"],
        }
        head = claim["metadata"]
        self.registry.set_status(CLAIMS, head["namespace"], head["name"], status)

    def _chosen(self, claim: Obj) -> Obj | None:
        """A volume that was made before, if the claim names it and nobody has it."""
        name = claim["spec"].get("volumeName")
        volume = self.one(VOLUMES, "", name) if name else None
        if volume is None or not _is_free(volume, claim):
            return None
        taken = copied(volume)
        taken["spec"]["claimRef"] = _reference(claim)
        stored = self.registry.update(VOLUMES, taken)
        self.registry.set_status(VOLUMES, None, str(name), {"phase": "Bound"})
        return stored

    def _provisioned(self, claim: Obj) -> Obj:
        head, spec = claim["metadata"], claim["spec"]
        name = f"pvc-{head['uid']}"
        place = {"driver": PROVISIONER, "volumeHandle": f"{head['namespace']}/{head['name']}"}
        kept = {key: spec[key] for key in ("storageClassName", "volumeMode") if key in spec}
        volume = {
            "metadata": {"name": name, "annotations": {PROVISIONED: PROVISIONER}},
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "claimRef": _reference(claim),
                "persistentVolumeReclaimPolicy": "Delete",
                "csi": place,
                **kept,
            },
        }
        if self.registry.store.get(VOLUMES, None, name) is None:
            self.registry.create(VOLUMES, volume)
        self.registry.set_status(VOLUMES, None, name, {"phase": "Bound"})
        return volume

    def _tend_volume(self, volume: Obj) -> None:
        """A volume that was made for a claim ends with it; others are free again, or released."""
        name, claimed = volume["metadata"]["name"], self._is_claimed(volume)
        if is_going(volume):
            if not claimed:
                self._release(VOLUMES, volume, VOLUME_IN_USE)
        elif claimed:
            self.registry.set_status(VOLUMES, None, name, {"phase": "Bound"})
        elif "claimRef" not in volume["spec"]:
            self.registry.set_status(VOLUMES, None, name, {"phase": "Available"})
        elif volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self.registry.delete(VOLUMES, None, name)
        else:
            self.registry.set_status(VOLUMES, None, name, {"phase": "Released"})

    def _is_claimed(self, volume: Obj) -> bool:
        reference = volume["spec"].get("claimRef") or {}
        namespace, name = reference.get("namespace", ""), reference.get("name", "")
        claim = self.registry.store.get(CLAIMS, namespace, name) if name else None
        return claim is not None and claim["metadata"]["uid"] == reference.get("uid")


def _reference(claim: Obj) -> Obj:
    head = claim["metadata"]
    kept = {key: head[key] for key in ("namespace", "name", "uid")}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **kept}


def _is_free(volume: Obj, claim: Obj) -> bool:
    reference = volume["spec"].get("claimRef")
    if not reference:
        return True
    head = claim["metadata"]
    same = (reference.get("namespace"), reference.get("name")) == (head["namespace"], head["name"])
    return same and reference.get("uid") in (None, head["uid"])


def _claims_of(pod: Obj) -> list[str]:
    volumes = pod["spec"].get("volumes") or []
    named = [v["persistentVolumeClaim"] for v in volumes if "persistentVolumeClaim" in v]
    own = [f"{pod['metadata']['name']}-{v['name']}" for v in volumes if "ephemeral" in v]
    return [claim["claimName"] for claim in named] + own
