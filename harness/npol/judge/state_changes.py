"""
What makes a step's verdicts count for one state of the cluster: its policies, and the labels
that they select by. Changed by others while the step is judged, the verdicts are invalid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from npol.model.inventory import Inventory, Obj


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
        *policy_differences(_of(before.policies, known), _of(after.policies, known)),
        *_labels("namespace", _namespaces(before, known), _namespaces(after, known)),
        *_labels("pod", _pods(before, asked), _pods(after, asked)),
    ]


def policy_differences(before: Iterable[Obj], after: Iterable[Obj]) -> list[str]:
    """The same of policies alone, of any kinds."""
    old, new = ({_name(policy): _content(policy) for policy in seen} for seen in (before, after))
    found = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was != now:
            how = "created" if was is None else "deleted" if now is None else "changed"
            found.append(f"{name} was {how}")
    return found


def _name(policy: Obj) -> str:
    """As listed with others of its kind, a NetworkPolicy does not carry it."""
    meta = policy["metadata"]
    place = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{policy.get('kind', 'NetworkPolicy')} {place}{meta['name']}"


def _content(policy: Obj) -> tuple[Any, ...]:
    """Its rules, wherever its kind has them."""
    rules = {
        k: v for k, v in policy.items() if k not in ("apiVersion", "kind", "metadata", "status")
    }
    return policy["metadata"].get("uid"), rules


def _of(policies: Iterable[Obj], known: Collection[str]) -> list[Obj]:
    return [p for p in policies if p["metadata"]["namespace"] not in known]


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
