"""What a step changes in the cluster, and the objects of its manifests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.errors import Position
from npol.yaml_positions import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One object of a manifest file, raw, with its positions."""

    body: Mapping[str, Any]
    document: Document
    at: Position

    @property
    def kind(self) -> str:
        return str(self.body.get("kind", ""))

    @property
    def api_version(self) -> str:
        return str(self.body.get("apiVersion", ""))

    @property
    def name(self) -> str:
        return str((self.body.get("metadata") or {}).get("name", ""))

    @property
    def namespace(self) -> str:
        return str((self.body.get("metadata") or {}).get("namespace", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Server-side apply of these objects, in this order."""

    at: Position
    manifests: tuple[Manifest, ...]
    replace: bool = False
    """Whether a policy that exists already may be replaced (and is put back at the end)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Deletion of these objects, as `kubectl delete -f` names them."""

    at: Position
    manifests: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Labels set on (or, with None, taken from) a pod or a namespace."""

    at: Position
    kind: str
    name: str
    namespace: str
    set: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Everything back to what was recorded at the end of an earlier step."""

    at: Position
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRef:
    """A running workload that a change is about."""

    kind: str
    """As the API has it: `Deployment`."""
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """All pods of a workload are evicted; over once their successors are Ready."""

    at: Position
    workload: WorkloadRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Another number of replicas, which is put back at the end; over once they are Ready."""

    at: Position
    workload: WorkloadRef
    replicas: int


Change = Apply | Delete | Label | Restore | Restart | Scale
