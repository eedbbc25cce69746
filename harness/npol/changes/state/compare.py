"""
What of an object counts when it is compared or put back. Pure.

An object is what its users wrote: spec (for other kinds every section but status), labels,
annotations, ownerReferences and finalizers. What the server keeps for itself (uid, versions,
times, managedFields) comes and goes.

An object that is being deleted equals none: it is on its way out, whatever it says.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from npol.kube.objects import Object
from npol.yaml_positions import dump

RUN = "npol.dev/run"
"""The annotation that names the run that wrote an object."""

METADATA = ("labels", "annotations", "ownerReferences", "finalizers")
SERVER_METADATA = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def content(obj: Mapping[str, Any]) -> Object:
    """The parts of an object that count, empty ones left out."""
    metadata = obj.get("metadata") or {}
    kept: Object = {key: metadata[key] for key in METADATA if metadata.get(key)}
    outside = ("apiVersion", "kind", "metadata", "status")
    kept |= {key: value for key, value in obj.items() if key not in outside}
    return kept


VALUES = ("data", "stringData")
"""Sections of a Secret whose values leave the cluster in no form; a hash can be guessed at."""


def digest(obj: Mapping[str, Any]) -> str:
    """
    A hash of what an object says: its labels, and every section but the status.

    Of a Secret's values only the names count.
    """
    said = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    if obj.get("kind") == "Secret":
        said |= {key: sorted(said[key] or ()) for key in VALUES if key in said}
    said["labels"] = (obj.get("metadata") or {}).get("labels") or {}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def same(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two states of an object (None: there is none) are equal in what counts."""
    if one is None or other is None:
        return one is other
    return is_leaving(one) == is_leaving(other) and content(one) == content(other)


def still(known: Mapping[str, Any] | None, live: Mapping[str, Any] | None) -> bool:
    """
    Whether a live object is as known; finalizers that were added since do not count.

    Controllers put one on every policy that they act on (the VPC CNI's on EKS does). That
    says who is to be asked before the object goes, and changes nothing of what it says.
    """
    if known is None or live is None:
        return known is live
    added = [f for f in finalizers(live) if f not in finalizers(known)]
    return same(known, with_finalizers(live, [f for f in finalizers(live) if f not in added]))


def is_leaving(obj: Mapping[str, Any] | None) -> bool:
    """Whether an object is being deleted, and waits for its finalizers or its grace period."""
    return bool(obj and (obj.get("metadata") or {}).get("deletionTimestamp"))


def staying(obj: Mapping[str, Any]) -> Object:
    """The object as it would be if nobody had deleted it."""
    metadata = {k: v for k, v in obj["metadata"].items() if not k.startswith("deletion")}
    return {**obj, "metadata": metadata}


def finalizers(obj: Mapping[str, Any]) -> list[str]:
    return list((obj.get("metadata") or {}).get("finalizers") or ())


def waits_for(obj: Mapping[str, Any]) -> str:
    """What holds an object that is being deleted: `finalizer a.io/x`; "" for no finalizer."""
    found = finalizers(obj)
    word = "finalizer" if len(found) == 1 else "finalizers"
    return f"{word} {', '.join(found)}" if found else ""


def with_finalizers(obj: Mapping[str, Any], names: Sequence[str]) -> Object:
    metadata = {k: v for k, v in (obj.get("metadata") or {}).items() if k != "finalizers"}
    return {**obj, "metadata": metadata | ({"finalizers": list(names)} if names else {})}


def run_of(obj: Mapping[str, Any]) -> str:
    """The run that wrote an object, by its annotation; "" for none."""
    return str(((obj.get("metadata") or {}).get("annotations") or {}).get(RUN, ""))


def marked(obj: Mapping[str, Any], run_id: str) -> Object:
    """The object with the annotation of a run."""
    metadata = obj.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), RUN: run_id}
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


def unmarked(obj: Mapping[str, Any]) -> Object:
    """The object without any run's annotation."""
    metadata = obj.get("metadata") or {}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != RUN}
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


def reborn(obj: Mapping[str, Any]) -> Object:
    """What to POST so that an object that is gone comes back."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in SERVER_METADATA}
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")} | {
        "metadata": metadata
    }


def put_back(before: Mapping[str, Any], live: Mapping[str, Any]) -> Object:
    """
    What to PUT over `live` so that it is as before, and only if it is still as read.

    Finalizers that `live` has besides stay: only who put one there may take it away.
    """
    added = [f for f in finalizers(live) if f not in finalizers(before)]
    body = reborn(with_finalizers(before, [*finalizers(before), *added]))
    kept = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
    body["metadata"] = {**body["metadata"], **kept}
    return body


DEFAULTED = ("policyTypes", "protocol", "types")
"""What API servers add to a spec (pkg/apis/networking/v1/defaults.go; Calico's own)."""
OF_CALICO = {"tier": "default", "defaultAction": "Deny"}
"""What Calico's adds, in no other value than these."""


def says_the_same(asked: Any, kept: Any) -> bool:
    """Whether a spec came back as it was sent, but for empty fields and known defaults."""
    return _covers(_filled(asked), _filled(kept))


def _filled(value: Any) -> Any:
    """Without fields that say nothing; an empty rule in a list says a lot, and stays."""
    if isinstance(value, list):
        return [_filled(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    fields = {key: _filled(item) for key, item in value.items()}
    return {key: item for key, item in fields.items() if item not in (None, [], {})}


def _covers(asked: Any, kept: Any) -> bool:
    if isinstance(asked, dict) and isinstance(kept, dict):
        added = {key: kept[key] for key in kept if key not in asked and key not in DEFAULTED}
        return added.items() <= OF_CALICO.items() and all(
            _covers(item, kept.get(key)) for key, item in asked.items()
        )
    if isinstance(asked, list) and isinstance(kept, list):
        return len(asked) == len(kept) and all(map(_covers, asked, kept))
    return bool(asked == kept)


def difference(
    wanted: Mapping[str, Any] | None,
    found: Mapping[str, Any] | None,
    *,
    name: str,
    labels: tuple[str, str] = ("recorded", "in the cluster"),
) -> str:
    """A unified diff of what counts, as YAML; "" when nothing differs."""
    old, new = (
        [] if obj is None else dump(_sorted(content(obj))).splitlines() for obj in (wanted, found)
    )
    before, after = (f"{name} ({label})" for label in labels)
    return "\n".join(difflib.unified_diff(old, new, before, after, lineterm=""))


def _sorted(value: Any) -> Any:
    """Mappings by key, so that equal content reads equal; lists keep their order."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list) else value
