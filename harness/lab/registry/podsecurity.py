"""PodSecurity admission."""

from __future__ import annotations

from harness.lab.resources import Resource
from harness.lab.store import Obj, Store


def enforce(store: Store, kind: Resource, pod: Obj) -> None: ...


def is_relevant(new: Obj, old: Obj) -> bool:
    return False
