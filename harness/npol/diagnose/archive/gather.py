"""Reads the pieces; what cannot be read is noted in the archive and stops nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from npol.cni.catalogue import Engine
from npol.cni.detect import detect, gather
from npol.cni.own_rights import allowed
from npol.diagnose.archive.archive import ArchiveEntry
from npol.diagnose.archive.logs import LINES, engine_logs
from npol.diagnose.archive.omissions import Omissions
from npol.diagnose.archive.redact import masked, redacted, secrets_of
from npol.kube.connection import Connection
from npol.kube.guard import Mode
from npol.kube.objects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    EVENTS,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
    Object,
)
from npol.kube.rbac import rights

KINDS = (
    NETWORK_POLICIES,
    PODS,
    SERVICES,
    ENDPOINT_SLICES,
    DEPLOYMENTS,
    STATEFUL_SETS,
    DAEMON_SETS,
    REPLICA_SETS,
    EVENTS,
)
"""Read in each namespace. Secrets and ConfigMaps never are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredArchive:
    """What was read, redacted; `secrets` are values that no other piece may hold either."""

    pieces: tuple[ArchiveEntry, ...]
    secrets: tuple[str, ...]
    top: str
    """The directory of all pieces."""

    def with_json(self, name: str, text: str) -> GatheredArchive:
        """The same with one more piece, such as a run's report."""
        return self._with(name, json.dumps(redacted(json.loads(text), self.secrets), indent=1))

    def with_text(self, name: str, text: str) -> GatheredArchive:
        return self._with(name, masked(text, self.secrets))

    def _with(self, name: str, text: str) -> GatheredArchive:
        piece = ArchiveEntry(name=f"{self.top}/{name}", data=text.encode())
        return replace(self, pieces=(*self.pieces, piece))


def collect(
    connection: Connection, namespaces: Collection[str], *, versions: Mapping[str, str], top: str
) -> GatheredArchive:
    """
    One cluster at this moment, below the directory `top` of an archive.

    Missing rights, and an API server that goes away, are noted in `README.txt`.
    """
    notes = Omissions()
    objects = {
        f"namespaces/{namespace}/{kind.plural}": notes.list(connection, kind, namespace)
        for namespace in sorted(namespaces)
        for kind in KINDS
    }
    for kind in (NAMESPACES, NODES):
        objects[f"cluster/{kind.plural}"] = notes.list(connection, kind, "")
    engine = notes.attempt("the engine", lambda: detect(gather(connection)))
    secrets = _secrets(objects.values())
    data: dict[str, Any] = {
        **objects,
        "access": _access(connection, namespaces, notes),
        "versions": {**versions, **_versions(connection, engine, notes)},
    }
    texts = {
        f"{name}.json": json.dumps(redacted(found, secrets), indent=1, sort_keys=True)
        for name, found in data.items()
    }
    logs = engine_logs(connection, engine, notes)
    texts |= {name: masked(text, secrets) for name, text in logs}
    texts["README.txt"] = masked(_readme(connection, namespaces, notes), secrets)
    pieces = (
        ArchiveEntry(name=f"{top}/{name}", data=text.encode()) for name, text in texts.items()
    )
    return GatheredArchive(pieces=tuple(pieces), secrets=secrets, top=top)


def _secrets(objects: Iterable[list[Object]]) -> tuple[str, ...]:
    """The longest first: one may be a part of another."""
    found = {s for listed in objects for obj in listed for s in secrets_of(obj)}
    return tuple(sorted(found, key=lambda s: (-len(s), s)))


def _access(
    connection: Connection, namespaces: Collection[str], notes: Omissions
) -> dict[str, bool | None]:
    """Every right that mode `apply` needs, and whether this user has it; null: not known."""
    found: dict[str, bool | None] = {}
    for right in rights(Mode.APPLY, namespaces):

        def review(right: Any = right) -> bool:
            return allowed(connection, right)

        found[str(right)] = notes.attempt(f"the right to {right}", review)
    return found


def _versions(connection: Connection, engine: Engine | None, notes: Omissions) -> dict[str, Any]:
    version = notes.attempt("the version", lambda: connection.raw("GET", "/version")) or {}
    found: dict[str, Any] = {
        "context": connection.context,
        "server": connection.server,
        "kubernetes": version.get("gitVersion", "unknown"),
    }
    if engine is None:
        return found
    agents = {a.name: f"{a.ready} of {a.desired} ready" for a in engine.agents}
    return found | {
        "engine": engine.title,
        "engine version": engine.version,
        "engine enforces": engine.enforces.value,
        "engine evidence": list(engine.evidence),
        "engine agents": agents,
    }


def _readme(connection: Connection, namespaces: Collection[str], notes: Omissions) -> str:
    lines = [
        f"Collected by npol from context {connection.context}, namespaces: "
        f"{', '.join(sorted(namespaces)) or 'none'}.",
        "No Secret and no ConfigMap is in here. Redacted: commands and their arguments (probes and",
        "hooks too), values of environment variables and of HTTP headers, queries of URLs,",
        "annotations of unknown domains, and what looks like a credential.",
        f"Of each log there are the last {LINES} lines. Not in here:",
        *(f"- {line}" for line in notes.lines or ["nothing that was looked for"]),
        "",
    ]
    return "\n".join(lines)
