"""
What a journal holds, as values. Pure.

A journal is a list of entries; of two entries about one thing the later one counts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.errors import Refused
from npol.kube.guard import protected
from npol.kube.objects import Object
from npol.model.policy_kinds import NETWORK_POLICY, policy_kind

NEVER = {"Node"}
"""
Kinds that no run writes, so a journal that names one is forged.

Of others that it names nothing is deleted but what carries the run's annotation.
"""
CLUSTER = "*"
"""Stands among a run's namespaces for the policies of the whole cluster, which it may change."""
LABELLED = frozenset({"Pod", "Namespace"})
SCALED = frozenset({"Deployment", "StatefulSet"})


class Action(enum.Enum):
    """What a run does to an object."""

    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"
    LABEL = "label"
    SCALE = "scale"


OF_PARTS = frozenset({Action.LABEL, Action.SCALE})
"""What changes a part of an object; the rest of that is none of the run's business."""


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

    @property
    def place(self) -> str:
        """
        The namespace that it is in, or is; its lock covers the object.

        Policies of the whole cluster have one of their own (CLUSTER): one run at a time.
        """
        if self.kind == "Namespace":
            return self.name
        return CLUSTER if self.is_policy and not self.namespace else self.namespace

    @property
    def is_policy(self) -> bool:
        """Whether it is of a kind that decides packets: its full content may stand in a journal."""
        return policy_kind(self.api_version, self.kind) is not None

    @property
    def is_network_policy(self) -> bool:
        """Whether it is one of those that are read with their namespace."""
        return policy_kind(self.api_version, self.kind) is NETWORK_POLICY

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
class NamespaceSnapshot:
    """One namespace as it was before the run; uid "" for one that did not exist."""

    name: str
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySnapshot:
    """One policy as it was before the run, whole."""

    key: Key
    body: Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    One change of one object.

    `before` and `after` are whole objects (None: there is none); for LABEL they map label
    keys to values, None for a label that is not set; for SCALE they hold `replicas`. `after` is
    None, too, for objects whose content nobody compares.
    """

    number: int
    action: Action
    key: Key
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    state: State = State.INTENT
    uid: str = ""
    """Of the object after the change, once known; of one that is changed in part from the start."""
    owners: tuple[Object, ...] = ()
    """For LABEL and SCALE: who owned those fields before, as entries of managedFields."""
    digest: str = ""
    """
    Of what the run wrote, where no journal keeps it (`compare.digest`): as it was sent, and as
    the server has it once that is known.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The run ended and meant to leave its changes."""

    steps: tuple[str, ...] = ()


Entry = Header | NamespaceSnapshot | PolicySnapshot | Record | Left


@dataclass(slots=True)
class Journal:
    """The entries of one run, read: what counts of them."""

    header: Header | None = None
    places: dict[str, NamespaceSnapshot] = field(default_factory=dict)
    seen: dict[Key, PolicySnapshot] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)
    left: Left | None = None

    def take(self, entry: Entry) -> None:
        if isinstance(entry, Header):
            self.header = entry
        elif isinstance(entry, NamespaceSnapshot):
            self.places[entry.name] = entry
        elif isinstance(entry, PolicySnapshot):
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
    def other_policies(self) -> tuple[Key, ...]:
        """The policies of other kinds that it knows of."""
        keys = dict.fromkeys((*self.seen, *(record.key for record in self.history)))
        return tuple(key for key in keys if key.is_policy and not key.is_network_policy)

    @property
    def history(self) -> list[Record]:
        """The changes in their order."""
        return [self.records[n] for n in sorted(self.records)]


def check_writable(key: Key) -> None:
    """
    Raises:
        Refused: a kind or a namespace that npol never changes.
    """
    if key.kind in NEVER:
        raise Refused(f"{key}: npol never writes a {key.kind}")
    if protected(key.namespace or (key.name if key.kind == "Namespace" else "")):
        raise Refused(f"{key}: npol never changes this namespace")
