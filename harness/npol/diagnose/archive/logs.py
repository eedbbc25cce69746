"""The ends of the logs of what enforces policies and answers for names."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence

from npol.cni.catalogue import Engine
from npol.diagnose.archive.omissions import Omissions
from npol.kube.connection import Connection
from npol.kube.objects import NAMESPACES, PODS, Object

ENGINE_PODS = (
    "calico-*/*",
    "tigera-operator/*",
    "cilium*/*",
    "kube-flannel/*",
    "kube-system/calico-*",
    "kube-system/cilium-*",
    "kube-system/aws-node-*",
    "kube-system/coredns-*",
)
"""`namespace/pod`, besides the agents that detection knows."""
MOST_CONTAINERS = 24
LINES, CHARACTERS = 2_000, 512 << 10


def engine_logs(
    connection: Connection, engine: Engine | None, notes: Omissions
) -> Iterator[tuple[str, str]]:
    """Name and text; of containers that were restarted also what they said before."""
    pods = _engine_pods(connection, engine, notes)
    every = [(pod, *container) for pod in pods for container in _containers(pod)]
    if len(every) > MOST_CONTAINERS:
        count = f"{MOST_CONTAINERS} of {len(every)} containers"
        notes.lines.append(f"cut: logs of the engine: {count}")
    for pod, container, restarted in every[:MOST_CONTAINERS]:
        yield from _log(connection, pod, container, "", notes)
        if restarted:
            yield from _log(connection, pod, container, "true", notes)


def _engine_pods(
    connection: Connection, engine: Engine | None, notes: Omissions
) -> Iterator[Object]:
    agents = {a.name for a in engine.agents} if engine else set()
    places = {name.partition("/")[0] for name in (*ENGINE_PODS, *agents)}
    listed = notes.attempt("namespaces", lambda: connection.list(NAMESPACES)) or []
    names = {n["metadata"]["name"] for n in listed} or {p for p in places if "*" not in p}
    for namespace in sorted(n for n in names if any(fnmatch.fnmatch(n, p) for p in places)):
        for pod in notes.list(connection, PODS, namespace):
            meta = pod["metadata"]
            owners = {f"{namespace}/{o['name']}" for o in meta.get("ownerReferences") or ()}
            named = any(fnmatch.fnmatch(f"{namespace}/{meta['name']}", p) for p in ENGINE_PODS)
            if named or owners & agents:
                yield pod


def _containers(pod: Object) -> Sequence[tuple[str, bool]]:
    """Names, and whether they were restarted."""
    status = pod.get("status") or {}
    counts = {s["name"]: s.get("restartCount", 0) for s in status.get("containerStatuses") or ()}
    return [(c["name"], counts.get(c["name"], 0) > 0) for c in pod["spec"]["containers"]]


def _log(
    connection: Connection, pod: Object, container: str, previous: str, notes: Omissions
) -> Iterator[tuple[str, str]]:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    file = f"engine/{namespace}/{name}/{container}{'.previous' if previous else ''}.log"
    query = {"container": container, "tailLines": str(LINES), "previous": previous}

    def read() -> str:
        path = PODS.path(namespace, name, "log")
        return str(connection.raw("GET", path, query=query, as_text=True))

    text = notes.attempt(file, read) or ""
    if len(text) > CHARACTERS:
        notes.lines.append(f"cut: {file}: the last {CHARACTERS} of {len(text)} characters")
    if text:
        yield file, text[-CHARACTERS:]
