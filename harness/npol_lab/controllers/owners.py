"""
Who controls an object: references, adoption and release.

Source of the rules: Kubernetes pkg/controller/controller_ref_manager.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from npol.api_rules.objects import Obj, copied
from npol.selectors import Selector, matches
from npol_lab.controllers.controller import Key
from npol_lab.registry import Registry


def controller_of(obj: Obj) -> Obj | None:
    """The one owner reference with `controller: true`."""
    for reference in obj["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return dict(reference)
    return None


def keys_of_controller(resource: str, kind: str, obj: Obj) -> list[Key]:
    """The object of this kind that controls another one, if one does."""
    reference = controller_of(obj)
    if reference is None or reference["kind"] != kind:
        return []
    return [Key(resource, obj["metadata"]["namespace"], reference["name"])]


def is_controlled_by(obj: Obj, owner: Obj) -> bool:
    reference = controller_of(obj)
    return reference is not None and reference["uid"] == owner["metadata"]["uid"]


def reference_to(owner: Obj) -> Obj:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def labels_of(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def selects(selector: Selector | None, obj: Obj) -> bool:
    """A workload without a selector selects nothing."""
    if not selector or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        return False
    return matches(selector, labels_of(obj))


def claim(
    registry: Registry, resource: str, owner: Obj, selector: Selector, candidates: Iterable[Obj]
) -> list[Obj]:
    """
    The objects that belong to `owner` from now on.

    Orphans that its selector matches are adopted, what it no longer matches is
    released. What has another controller, or is going away, is left alone.
    """
    going = "deletionTimestamp" in owner["metadata"]
    claimed = []
    for obj in candidates:
        reference = controller_of(obj)
        if reference is not None and reference["uid"] != owner["metadata"]["uid"]:
            continue
        matching = selects(selector, obj)
        if reference is not None and (matching or going):
            claimed.append(obj)
        elif reference is not None:
            _release(registry, resource, obj, owner)
        elif matching and not going and "deletionTimestamp" not in obj["metadata"]:
            claimed.append(_adopt(registry, resource, obj, owner))
    return claimed


def _adopt(registry: Registry, resource: str, obj: Obj, owner: Obj) -> Obj:
    new: Obj = copied(obj)
    new["metadata"].setdefault("ownerReferences", []).append(reference_to(owner))
    return registry.update(resource, new)


def _release(registry: Registry, resource: str, obj: Obj, owner: Obj) -> None:
    new: Obj = copied(obj)
    metadata = new["metadata"]
    uid = owner["metadata"]["uid"]
    metadata["ownerReferences"] = [r for r in metadata["ownerReferences"] if r["uid"] != uid]
    registry.update(resource, new)
