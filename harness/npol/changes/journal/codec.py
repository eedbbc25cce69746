"""
A journal's entries as lines of text, and back. Pure.

Each line carries a checksum, so one that a power loss tore is known as such. Lines are data:
nothing in them is ever run, and what npol does not write is refused.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from npol.changes.journal_types import (
    LABELLED,
    SCALED,
    Action,
    Entry,
    Header,
    Journal,
    Key,
    Left,
    NamespaceSnapshot,
    PolicySnapshot,
    Record,
    State,
    check_writable,
)
from npol.errors import Refused

SCHEMA = 1
WORDS: Mapping[type[Entry], str] = {
    Header: "header",
    NamespaceSnapshot: "place",
    PolicySnapshot: "seen",
    Record: "record",
    Left: "left",
}
"""What an entry is called in a journal: words of the format, whatever the classes are named."""
LINE = re.compile(r'\{"sum":"(?P<sum>[0-9a-f]{16})","entry":(?P<entry>.*)\}')
DIGEST = re.compile(r"([0-9a-f]{64})?")

Lines = dict[int, str]
"""Entry number -> line."""


def written(number: int, entry: Entry) -> str:
    """An entry as one line."""
    data = {"n": number, "is": WORDS[type(entry)], **_plain(entry)}
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
        return NamespaceSnapshot(**data)
    if kind == "left":
        return Left(steps=tuple(data["steps"]))
    key = _key(data.pop("key"))
    if kind == "seen":
        return _checked_seen(PolicySnapshot(key=key, **data))
    if kind != "record":
        raise ValueError(kind)
    action, state = Action(data.pop("action")), State(data.pop("state"))
    owners = tuple(data.pop("owners", ()))
    record = Record(key=key, action=action, state=state, owners=owners, **data)
    _check_record(record)
    return record


def _key(parts: Sequence[str]) -> Key:
    if len(parts) != 4 or not all(isinstance(p, str) for p in parts):
        raise ValueError("a key has four parts")
    key = Key(*parts)
    check_writable(key)
    return key


def _checked_seen(seen: PolicySnapshot) -> PolicySnapshot:
    _check_body(seen.key, seen.body)
    return seen


def _check_record(record: Record) -> None:
    if not DIGEST.fullmatch(record.digest):
        raise ValueError("a digest that is none")
    if record.action is Action.LABEL:
        if record.key.kind not in LABELLED:
            raise ValueError(f"labels of a {record.key.kind}")
        _check_owners(record)
        return
    if record.action is Action.SCALE:
        _check_scaled(record)
        return
    if record.owners:
        raise ValueError(f"owners of fields of a {record.key.kind}")
    for body in (record.before, record.after):
        if body is not None:
            _check_body(record.key, body)


def _check_scaled(record: Record) -> None:
    if record.key.kind not in SCALED or not record.uid:
        raise ValueError(f"the replicas of a {record.key.kind}")
    for side in (record.before, record.after):
        if side is None or set(side) != {"replicas"} or type(side["replicas"]) is not int:
            raise ValueError("a number of replicas that is none")
    if any(entry["fieldsV1"] != {"f:spec": {"f:replicas": {}}} for entry in record.owners):
        raise ValueError("owners of something else than replicas")


def _check_owners(record: Record) -> None:
    """Owners of labels that the record names, and of no other field."""
    for entry in record.owners:
        fields = entry["fieldsV1"]
        labels = fields["f:metadata"]["f:labels"]
        if not isinstance(labels, dict):
            raise ValueError("owners of something else than labels")
        inside = {name.removeprefix("f:") for name in labels} <= set(record.before or ())
        if set(fields) != {"f:metadata"} or set(fields["f:metadata"]) != {"f:labels"}:
            raise ValueError("owners of something else than labels")
        if not inside or any(labels.values()):
            raise ValueError("owners of labels that the record does not name")


def _check_body(key: Key, body: Mapping[str, Any]) -> None:
    """What is put back must be what the entry is about, and of a kind that may be kept."""
    if not key.is_policy:
        raise ValueError(f"the content of a {key.kind}")
    metadata = body["metadata"]
    named = Key(body["apiVersion"], body["kind"], metadata.get("namespace", ""), metadata["name"])
    if named != key:
        raise ValueError(f"{named} in the entry of {key}")


def merged(*copies: Lines) -> Lines:
    """All lines of several copies of one journal; the first copy wins where two differ."""
    result: Lines = {}
    for copy in reversed(copies):
        result |= copy
    return result


def text_of(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
