"""
What the journal holds, as values and as lines of text. Pure.

A journal is a list of entries, numbered from 1; of two entries about one thing the later
one counts. Each line carries a checksum, so a line that a power loss tore is known as such.
Lines are data: nothing in them is ever run, and kinds that npol does not write are refused.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.cluster.guard import protected
from harness.cluster.objects import Object
from harness.errors import Refused

SCHEMA = 1
LINE = re.compile(r'\{"sum":"(?P<sum>[0-9a-f]{16})","entry":(?P<entry>.*)\}')
NEVER = {
    "Secret",
    "Node",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
}
"""Kinds that no run writes, so a journal that names one is forged."""
LABELLED = frozenset({"Pod", "Namespace"})
KEPT_WHOLE = frozenset({"NetworkPolicy"})
"""Kinds whose full content may stand in a journal."""


class Action(enum.Enum):
    """What a run does to an object."""

    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"
    LABEL = "label"


class State(enum.Enum):
    """How far it got."""

    INTENT = "intent"  # may or may not have reached the cluster
    DONE = "done"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which object, as a manifest names it."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Whose journal it is. `started` is for people; no decision looks at a clock."""

    run_id: str
    cluster_uid: str
    story: str
    namespaces: tuple[str, ...]
    """Where its locks and debug pods may be."""
    started: str
    host: str
    pid: int
    process: str = ""
    """Machine, pid namespace and start of the process, to tell on that machine if it lives."""
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One namespace as it was before the run; uid "" for one that did not exist."""

    name: str
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One policy as it was before the run, whole."""

    key: Key
    body: Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    One change of one object.

    `before` and `after` are whole objects (None: there is none); for LABEL they map label
    keys to values, None for a label that is not set. `after` is None, too, for objects whose
    content nobody compares.
    """

    number: int
    action: Action
    key: Key
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    state: State = State.INTENT
    uid: str = ""
    """Of the object after the change, once known; of a labelled object from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The run ended and meant to leave its changes."""

    steps: tuple[str, ...] = ()


Entry = Header | Place | Seen | Record | Left


@dataclass(slots=True)
class Journal:
    """The entries of one run, read: what counts of them."""

    header: Header | None = None
    places: dict[str, Place] = field(default_factory=dict)
    seen: dict[Key, Seen] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)
    left: Left | None = None

    def take(self, entry: Entry) -> None:
        if isinstance(entry, Header):
            self.header = entry
        elif isinstance(entry, Place):
            self.places[entry.name] = entry
        elif isinstance(entry, Seen):
            self.seen[entry.key] = entry
        elif isinstance(entry, Record):
            self.records[entry.number] = entry
        else:
            self.left = entry

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where locks and debug pods of the run may be."""
        return self.header.namespaces if self.header else ()

    @property
    def history(self) -> list[Record]:
        """The changes in their order."""
        return [self.records[n] for n in sorted(self.records)]


Lines = dict[int, str]
"""Entry number -> line."""


def written(number: int, entry: Entry) -> str:
    """An entry as one line."""
    data = {"n": number, "is": type(entry).__name__.lower(), **_plain(entry)}
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return f'{{"sum":"{_checksum(text)}","entry":{text}}}'


def read_lines(text: str) -> tuple[Lines, int]:
    """The sound lines of a text by number, and how many were not sound."""
    lines, broken = {}, 0
    for line in text.split("\n"):
        match = LINE.fullmatch(line)
        if match and match["sum"] == _checksum(match["entry"]):
            lines[int(json.loads(match["entry"])["n"])] = line
        elif line:
            broken += 1
    return lines, broken


def journal_of(lines: Lines) -> Journal:
    """
    What a journal says.

    Raises:
        Refused: another schema, or entries that no run of npol writes.
    """
    journal = Journal()
    for number in sorted(lines):
        journal.take(_entry(json.loads(lines[number])["entry"]))
    return journal


def check_writable(key: Key) -> None:
    """
    Raises:
        Refused: a kind or a namespace that npol never changes.
    """
    if key.kind in NEVER:
        raise Refused(f"{key}: npol never writes a {key.kind}")
    if protected(key.namespace or (key.name if key.kind == "Namespace" else "")):
        raise Refused(f"{key}: npol never changes this namespace")


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(entry: Entry) -> dict[str, Any]:
    data = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
    for name, value in data.items():
        if isinstance(value, Key):
            data[name] = [value.api_version, value.kind, value.namespace, value.name]
        elif isinstance(value, enum.Enum):
            data[name] = value.value
    return data | ({"schema": SCHEMA} if isinstance(entry, Header) else {})


def _entry(data: dict[str, Any]) -> Entry:
    kind = data.pop("is")
    del data["n"]
    if kind == "header" and data.pop("schema", None) != SCHEMA:
        raise Refused(
            "the journal was written by another version of npol",
            hint="recover with the version that made the run",
        )
    try:
        return _made(kind, data)
    except (TypeError, ValueError, KeyError) as error:
        raise Refused(f"the journal holds an entry that npol does not write: {error}") from None


def _made(kind: str, data: dict[str, Any]) -> Entry:
    if kind == "header":
        return Header(**data | {"namespaces": tuple(data["namespaces"])})
    if kind == "place":
        return Place(**data)
    if kind == "left":
        return Left(steps=tuple(data["steps"]))
    key = _key(data.pop("key"))
    if kind == "seen":
        return _checked_seen(Seen(key=key, **data))
    if kind != "record":
        raise ValueError(kind)
    action, state = Action(data.pop("action")), State(data.pop("state"))
    record = Record(key=key, action=action, state=state, **data)
    _check_record(record)
    return record


def _key(parts: Sequence[str]) -> Key:
    if len(parts) != 4 or not all(isinstance(p, str) for p in parts):
        raise ValueError("a key has four parts")
    key = Key(*parts)
    check_writable(key)
    return key


def _checked_seen(seen: Seen) -> Seen:
    _check_body(seen.key, seen.body)
    return seen


def _check_record(record: Record) -> None:
    if record.action is Action.LABEL:
        if record.key.kind not in LABELLED:
            raise ValueError(f"labels of a {record.key.kind}")
        return
    for body in (record.before, record.after):
        if body is not None:
            _check_body(record.key, body)


def _check_body(key: Key, body: Mapping[str, Any]) -> None:
    """What is put back must be what the entry is about, and of a kind that may be kept."""
    if key.kind not in KEPT_WHOLE:
        raise ValueError(f"the content of a {key.kind}")
    metadata = body["metadata"]
    named = Key(body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"])
    if named != key:
        raise ValueError(f"{named} in the entry of {key}")


def advanced(record: Record, state: State, **changes: Any) -> Record:
    """The record in its next state."""
    return replace(record, state=state, **changes)


def merged(*copies: Lines) -> Lines:
    """All lines of several copies of one journal; the first copy wins where two differ."""
    result: Lines = {}
    for copy in reversed(copies):
        result |= copy
    return result


def text_of(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
