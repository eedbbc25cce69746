"""
What of an object counts when it is compared or put back. Pure.

An object is what its users wrote: spec (for other kinds every section but status), labels,
annotations, ownerReferences and finalizers. What the server keeps for itself (uid, versions,
times, managedFields) comes and goes.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
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


def same(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two states of an object (None: there is none) are equal in what counts."""
    if one is None or other is None:
        return one is other
    return content(one) == content(other)


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
    """What to PUT over `live` so that it is as before, and only if it is still as read."""
    body = reborn(before)
    kept = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
    body["metadata"] = {**body["metadata"], **kept}
    return body


DEFAULTED = ("policyTypes", "protocol")
"""What the API server adds to a policy's spec (pkg/apis/networking/v1/defaults.go)."""


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
        extra = set(kept) - set(asked) - set(DEFAULTED)
        return not extra and all(_covers(item, kept.get(key)) for key, item in asked.items())
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
