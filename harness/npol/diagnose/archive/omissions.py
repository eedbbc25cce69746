"""What is not in the archive, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from npol.errors import NpolError
from npol.kube.api_errors import Unreachable
from npol.kube.connection import Connection
from npol.kube.objects import EVENTS, Object, Resource

MOST_OBJECTS = 500
"""Of one kind in one namespace."""

T = TypeVar("T")


@dataclass(slots=True)
class Omissions:
    """Reads, and writes down what it could not."""

    lines: list[str] = field(default_factory=list)
    dead: bool = False
    """The API server does not answer: nothing else is asked."""

    def attempt(self, what: str, read: Callable[[], T]) -> T | None:
        """None for what could not be read."""
        if self.dead:
            self.lines.append(f"not asked: {what}")
            return None
        try:
            return read()
        except NpolError as error:
            self.dead = isinstance(error, Unreachable)
            self.lines.append(f"not read: {what}: {error.message}")
            return None

    def list(self, connection: Connection, kind: Resource, namespace: str) -> list[Object]:
        """The first by name; of events the newest."""
        what = kind.qualified + (f" of namespace {namespace}" if namespace else "")
        found = self.attempt(what, lambda: connection.list(kind, namespace)) or []
        found.sort(key=lambda o: str(o["metadata"]["name"]))
        if kind is EVENTS:
            found.sort(key=_time, reverse=True)
        if len(found) > MOST_OBJECTS:
            self.lines.append(f"cut: {what}: {MOST_OBJECTS} of {len(found)}")
        return found[:MOST_OBJECTS]


def _time(event: Object) -> str:
    """RFC 3339, of the last time."""
    known = ("lastTimestamp", "eventTime", "firstTimestamp")
    return next((str(event[key]) for key in known if event.get(key)), "")
