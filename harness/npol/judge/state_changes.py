"""
What makes a step's verdicts count for one state of the cluster: its policies, and the labels
that they select by. Changed by others while the step is judged, the verdicts are invalid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from npol.model.inventory import Inventory, Obj

Name = tuple[str, str]


def differences(
    before: Inventory, after: Inventory, asked: Collection[str], known: Collection[str] = ()
) -> list[str]:
    """
    What differs between the two ends of a step, one text each.

    Args:
        asked: uids of the pods that flows were asked from and to.
        known: namespaces whose policies and labels are compared elsewhere.
    """
    return [
        *_policies(_of(before.policies, known), _of(after.policies, known)),
        *_labels("namespace", _namespaces(before, known), _namespaces(after, known)),
        *_labels("pod", _pods(before, asked), _pods(after, asked)),
    ]


def _of(policies: Collection[Obj], known: Collection[str]) -> dict[Name, Any]:
    named = {(p["metadata"]["namespace"], p["metadata"]["name"]): p for p in policies}
    return {
        name: (p["metadata"].get("uid"), p.get("spec"))
        for name, p in named.items()
        if name[0] not in known
    }


def _policies(before: dict[Name, Any], after: dict[Name, Any]) -> Iterator[str]:
    for namespace, name in sorted(before.keys() | after.keys()):
        was, now = before.get((namespace, name)), after.get((namespace, name))
        if was != now:
            how = "created" if was is None else "deleted" if now is None else "changed"
            yield f"NetworkPolicy {namespace}/{name} was {how}"


def _namespaces(inventory: Inventory, known: Collection[str]) -> dict[str, Any]:
    """Those whose pods are looked at: others select nothing that is asked."""
    seen = {p["metadata"]["namespace"] for p in inventory.pods} - set(known)
    every = {n["metadata"]["name"]: n["metadata"].get("labels") for n in inventory.namespaces}
    return {name: labels for name, labels in every.items() if name in seen}


def _pods(inventory: Inventory, asked: Collection[str]) -> dict[str, Any]:
    """One that went is no change of labels: its successor is asked instead."""
    return {
        f"{p['metadata']['namespace']}/{p['metadata']['name']}": p["metadata"].get("labels")
        for p in inventory.pods
        if p["metadata"].get("uid") in asked
    }


def _labels(kind: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name in sorted(before.keys() & after.keys()):
        if (before[name] or {}) != (after[name] or {}):
            yield f"the labels of {kind} {name} were changed"
