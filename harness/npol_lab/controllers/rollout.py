"""How a Deployment goes from one template to the next: pure decisions."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator

from npol.api_rules.objects import Obj, copied

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Obj) -> str:
    """A label value that is the same for equal templates, in the alphabet of real ones."""
    text = json.dumps(without_hash(template), sort_keys=True)
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
    letters = ""
    for _ in range(10):
        number, index = divmod(number, len(_LETTERS))
        letters += _LETTERS[index]
    return letters


def without_hash(template: Obj) -> Obj:
    new: Obj = copied(template)
    ((new.get("metadata") or {}).get("labels") or {}).pop(HASH, None)
    return new


def revision(replica_set: Obj) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def replicas(replica_set: Obj) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def drops(newest: Obj, old: list[Obj], least: int) -> Iterator[tuple[Obj, int]]:
    """
    By how much each old ReplicaSet may shrink while `least` pods stay available.

    Unhealthy pods go first. A status may lag behind: never more pods are believed to be
    available than are wanted. Source: Kubernetes pkg/controller/deployment/rolling.go.
    """
    healthy = {s["metadata"]["uid"]: _available_in(s) for s in (newest, *old)}
    pending = replicas(newest) - _available_in(newest)
    room = replicas(newest) + sum(replicas(s) for s in old) - least - pending
    spare = sum(healthy.values()) - least
    for replica_set in sorted(old, key=revision):
        well = healthy[replica_set["metadata"]["uid"]]
        sick = max(0, min(replicas(replica_set) - well, room))
        sound = max(0, min(well, spare, room - sick))
        room -= sick + sound
        spare -= sound
        if sick + sound:
            yield replica_set, sick + sound


def _available_in(replica_set: Obj) -> int:
    counted = replica_set.get("status", {}).get("availableReplicas", 0)
    return min(replicas(replica_set), int(counted))


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
