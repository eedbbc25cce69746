"""
The journal's copy in the cluster: ConfigMaps in the state namespace, one chunk after another.

A chunk that grows is compressed, and a full one is followed by the next. Each chunk is
written with the version that we read, so nobody else's edit is overwritten.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from typing import Any

from npol.changes import writes
from npol.changes.failpoints import around
from npol.changes.journal.codec import Lines, read_lines, text_of
from npol.changes.state.compare import RUN
from npol.errors import Refused
from npol.kube.api_errors import ApiError, Forbidden
from npol.kube.connection import Connection
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import CONFIG_MAPS, NAMESPACES, Object, Ref

COMPRESS_ABOVE = 64_000
"""Bytes of text; shorter journals stay readable with kubectl."""
FULL = 600_000
"""Bytes as stored, base64 included: the chunk is followed by another."""
LIMIT = 900_000
"""Bytes as stored that one write may have; a ConfigMap ends at 1 MiB."""
LABELS = {"app.kubernetes.io/managed-by": "npol", "npol.dev/journal": "run"}
SELECTOR = ",".join(f"{key}={value}" for key, value in LABELS.items())


class ClusterCopy:
    """The chunks of one run. Call `append` for one write at a time."""

    def __init__(self, connection: Connection, run_id: str, chunks: Sequence[Object] = ()) -> None:
        self._connection = connection
        self._run_id = run_id
        self._chunks = list(chunks)
        self._text = _text(self._chunks[-1]) if self._chunks else ""

    @property
    def size(self) -> int:
        return len(self._chunks)

    @property
    def owner_reference(self) -> Object:
        """What makes an object in the state namespace end with the journal."""
        first = self._chunks[0]["metadata"]
        return {
            "apiVersion": CONFIG_MAPS.api_version,
            "kind": CONFIG_MAPS.kind,
            "name": first["name"],
            "uid": first["uid"],
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def append(self, lines: Sequence[str]) -> None:
        """
        Write lines and wait until the API server has stored them.

        Raises:
            Refused: they are too large for a ConfigMap.
            ApiError: the chunk was changed or deleted by somebody else.
        """
        text = self._text + text_of(lines)
        if self._chunks and _size(_data(text)) <= FULL:
            self._chunks[-1] = self._replace(text)
        else:
            text = text_of(lines)
            self._chunks.append(self._create(text))
        self._text = text

    def remove(self) -> None:
        """Delete all chunks; the first one last, for it names the run."""
        for chunk in reversed(self._chunks):
            with around("journal.remove"):
                self._connection.delete(self._ref(chunk), uid=chunk["metadata"]["uid"])
        self._chunks.clear()

    def _create(self, text: str) -> Object:
        body = self._body(f"npol-{self._run_id}-{len(self._chunks)}", text)
        with around("journal.create"):
            return writes.create(self._connection, body, lambda found: _text(found) == text)

    def _replace(self, text: str) -> Object:
        old = self._chunks[-1]["metadata"]
        body = self._body(old["name"], text)
        body["metadata"] |= {"uid": old["uid"], "resourceVersion": old["resourceVersion"]}
        with around("journal.replace"):
            return writes.replace(self._connection, body, lambda found: _text(found) == text)

    def _body(self, name: str, text: str) -> Object:
        data = _data(text)
        if _size(data) > LIMIT:
            raise Refused(
                f"the journal would need {_size(data) // 1000} kB at once, and a ConfigMap "
                f"holds {LIMIT // 1000} kB",
                hint="change fewer or smaller policies in one story",
            )
        metadata = {
            "name": name,
            "namespace": STATE_NAMESPACE,
            "labels": dict(LABELS),
            "annotations": {RUN: self._run_id},
        }
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **data}

    @staticmethod
    def _ref(chunk: Mapping[str, Any]) -> Ref:
        return Ref(CONFIG_MAPS, STATE_NAMESPACE, chunk["metadata"]["name"])


def chunks_of_runs(connection: Connection) -> dict[str, list[Object]]:
    """Run id -> its chunks in order, of all journals in the cluster."""
    found: dict[str, list[Object]] = {}
    for chunk in connection.list(CONFIG_MAPS, STATE_NAMESPACE, selector=SELECTOR):
        run_id = (chunk["metadata"].get("annotations") or {}).get(RUN, "")
        found.setdefault(run_id, []).append({**chunk, "apiVersion": "v1", "kind": "ConfigMap"})
    return {run: sorted(chunks, key=_position) for run, chunks in sorted(found.items())}


def read_chunks(chunks: Sequence[Object]) -> tuple[Lines, int]:
    """The sound lines of a run's chunks, and how many lines were not sound."""
    return read_lines("\n".join(_text(chunk) for chunk in chunks))


def ensure_state_namespace(connection: Connection) -> None:
    """
    Make the state namespace where it is missing.

    Raises:
        Refused: it is missing, and we may not make it.
    """
    if not has_state_namespace(connection):
        make_state_namespace(connection)


def has_state_namespace(connection: Connection) -> bool:
    return connection.get(Ref(NAMESPACES, "", STATE_NAMESPACE)) is not None


def make_state_namespace(connection: Connection) -> None:
    """
    Make it.

    Raises:
        Refused: we may not.
    """
    metadata = {"name": STATE_NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "npol"}}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    try:
        with around("state-namespace.create"):
            connection.create(body)
    except Forbidden as error:
        raise Refused(
            f"the namespace {STATE_NAMESPACE} is missing, and this user may not make it",
            hint="`npol doctor --rbac apply` prints the manifest that an administrator applies",
        ) from error
    except ApiError as error:
        if error.status != 409 and not has_state_namespace(connection):
            raise


def _position(chunk: Mapping[str, Any]) -> int:
    tail = str(chunk["metadata"]["name"]).rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def _data(text: str) -> dict[str, dict[str, str]]:
    if len(text) <= COMPRESS_ABOVE:
        return {"data": {"journal.jsonl": text}}
    packed = gzip.compress(text.encode(), compresslevel=6, mtime=0)
    return {"binaryData": {"journal.jsonl.gz": base64.b64encode(packed).decode()}}


def _size(data: Mapping[str, Mapping[str, str]]) -> int:
    return sum(len(value) for values in data.values() for value in values.values())


def _text(chunk: Mapping[str, Any]) -> str:
    packed = (chunk.get("binaryData") or {}).get("journal.jsonl.gz")
    if packed:
        try:
            return gzip.decompress(base64.b64decode(packed)).decode(errors="replace")
        except (OSError, EOFError, ValueError):
            return "\n(damaged)"
    return str((chunk.get("data") or {}).get("journal.jsonl", ""))
