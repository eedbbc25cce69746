"""
The objects of a lab and what happened to them, in memory.

One event loop owns a store, so nothing here locks: writes are plain calls, and
whoever follows the store awaits. Objects are dicts as in JSON. What comes out is
a copy, so callers may change theirs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from npol.api_rules.objects import Obj, copied

EventType = Literal["ADDED", "MODIFIED", "DELETED"]

HISTORY = 10_000
"""Events that a watch may go back; a real server keeps about five minutes of them."""


@dataclass(frozen=True, slots=True)
class Event:
    """
    One change. `object` is the state after it (of a DELETED one: the last state,
    with the revision of the deletion), `old` the state before it.

    The objects are shared between all that follow the store: read, never write.
    """

    type: EventType
    resource: str
    object: Obj
    revision: int
    old: Obj | None = None


class Gone(Exception):
    """The history no longer reaches back to the wanted revision (HTTP 410)."""


class Subscription(AsyncIterator[Event]):
    """The events of some resources, in order, until `close`."""

    def __init__(self, store: Store, resources: frozenset[str], first: Iterable[Event]) -> None:
        self._store = store
        self._resources = resources
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        for event in first:
            self._queue.put_nowait(event)

    def offer(self, event: Event) -> None:
        if not self._resources or event.resource in self._resources:
            self._queue.put_nowait(event)

    def pending(self) -> bool:
        """Whether an event can be had without waiting."""
        return not self._queue.empty()

    async def __anext__(self) -> Event:
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        self._store.unsubscribe(self)
        self._queue.put_nowait(None)


class Store:
    """Objects by resource, namespace and name; `resource` is `plural[.group]`."""

    def __init__(self) -> None:
        self.revision = 1
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {}
        self._history: deque[Event] = deque()
        self._forgotten = 0
        self._subscriptions: list[Subscription] = []

    def get(self, resource: str, namespace: str | None, name: str) -> Obj | None:
        found = self._objects.get(resource, {}).get((namespace or "", name))
        return None if found is None else cast(Obj, copied(found))

    def list(self, resource: str, namespace: str | None = None) -> list[Obj]:
        """Sorted by namespace and name, as etcd's keys are; no namespace: all of them."""
        objects = self._objects.get(resource, {})
        return [copied(objects[k]) for k in sorted(objects) if not namespace or k[0] == namespace]

    def subscribe(self, *resources: str) -> Subscription:
        """First ADDED for all that exist, then what happens; no resource means all."""
        existing = [
            Event("ADDED", resource, obj, int(obj["metadata"]["resourceVersion"]))
            for resource, objects in self._objects.items()
            if not resources or resource in resources
            for obj in objects.values()
        ]
        return self._subscribed(resources, existing)

    def follow(self, resource: str, revision: int) -> Subscription:
        """
        What happens to a resource after a revision.

        Raises:
            Gone: the history does not reach back so far.
        """
        return self._subscribed((resource,), self.since(resource, revision))

    def _subscribed(self, resources: Iterable[str], first: Iterable[Event]) -> Subscription:
        subscription = Subscription(self, frozenset(resources), first)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def since(self, resource: str, revision: int) -> Sequence[Event]:
        """
        The events of a resource after a revision, oldest first.

        Raises:
            Gone: the history does not reach back so far.
        """
        if revision < self._forgotten:
            raise Gone(f"too old resource version: {revision} ({self._forgotten})")
        return [e for e in self._history if e.revision > revision and e.resource == resource]

    def forget_history(self) -> None:
        """Make every watch that wants to go back start afresh, as a compaction does."""
        self._history.clear()
        self._forgotten = self.revision

    def put(self, resource: str, obj: Obj) -> Obj:
        """Store a copy of `obj` under the next resourceVersion and return another."""
        metadata = obj["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        objects = self._objects.setdefault(resource, {})
        old = objects.get(key)
        self.revision += 1
        kept: Obj = copied(obj)
        kept["metadata"]["resourceVersion"] = str(self.revision)
        objects[key] = kept
        self._tell(Event("MODIFIED" if old else "ADDED", resource, kept, self.revision, old))
        return cast(Obj, copied(kept))

    def remove(self, resource: str, namespace: str | None, name: str) -> Obj:
        """
        Raises:
            KeyError: there is no such object.
        """
        old = self._objects.get(resource, {}).pop((namespace or "", name))
        self.revision += 1
        last: Obj = copied(old)
        last["metadata"]["resourceVersion"] = str(self.revision)
        self._tell(Event("DELETED", resource, last, self.revision, old))
        return cast(Obj, copied(last))

    def _tell(self, event: Event) -> None:
        self._history.append(event)
        if len(self._history) > HISTORY:
            self._forgotten = self._history.popleft().revision
        for subscription in list(self._subscriptions):
            subscription.offer(event)
