"""The loop that every controller is: follow objects, and put right what they ask for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from npol.api_rules.objects import Obj
from npol_lab.registry import Registry, StatusError
from npol_lab.store import Event

RETRY_FIRST = 0.05
"""Seconds before an object is looked at again after a failure; then twice as long."""
RETRY_MOST = 10.0
log = logging.getLogger(__name__)


class Key(NamedTuple):
    """What a controller looks at in one go."""

    resource: str
    namespace: str
    name: str


def key_of(resource: str, obj: Obj) -> Key:
    metadata = obj["metadata"]
    return Key(resource, metadata.get("namespace") or "", metadata["name"])


class Controller:
    """
    Subclasses say what they watch, which keys an event touches, and how to put one right.

    All events that have happened are known before a key is looked at, so what a
    controller has written itself is never overlooked. The objects it reads are shared:
    change copies only.
    """

    watches: tuple[str, ...] = ()

    def __init__(self, registry: Registry, *, clock: Callable[[], float] = time.time) -> None:
        self.registry = registry
        self.clock = clock
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {r: {} for r in self.watches}
        self._due: dict[Key, None] = {}
        self._failures: dict[Key, int] = {}
        self._woken = asyncio.Event()

    def touches(self, event: Event) -> Iterable[Key]:
        """The keys that have to be looked at after an event."""
        raise NotImplementedError

    def reconcile(self, key: Key) -> None:
        """
        Make the cluster what the objects want.

        Raises:
            StatusError: a write was refused; it is tried again later.
        """
        raise NotImplementedError

    def one(self, resource: str, namespace: str, name: str) -> Obj | None:
        return self._objects[resource].get((namespace, name))

    def all(self, resource: str, namespace: str | None = None) -> Iterator[Obj]:
        for (where, _), obj in list(self._objects[resource].items()):
            if namespace is None or where == namespace:
                yield obj

    def look_at(self, key: Key) -> None:
        self._due[key] = None
        self._woken.set()

    def look_later(self, key: Key, seconds: float) -> None:
        asyncio.get_running_loop().call_later(max(0.0, seconds), self.look_at, key)

    async def run(self) -> None:
        """Until cancelled."""
        subscription = self.registry.store.subscribe(*self.watches)
        try:
            coming = asyncio.ensure_future(anext(subscription))
            while True:
                if not self._due:
                    self._woken.clear()
                    waking = asyncio.ensure_future(self._woken.wait())
                    await asyncio.wait((coming, waking), return_when=asyncio.FIRST_COMPLETED)
                    waking.cancel()
                if coming.done():
                    self._learn(coming.result())
                    while subscription.pending():
                        self._learn(await anext(subscription))
                    coming = asyncio.ensure_future(anext(subscription))
                if self._due:
                    self._work(next(iter(self._due)))
                await asyncio.sleep(0)
        finally:
            coming.cancel()
            subscription.close()

    def _learn(self, event: Event) -> None:
        metadata = event.object["metadata"]
        where = (metadata.get("namespace") or "", metadata["name"])
        if event.type == "DELETED":
            self._objects[event.resource].pop(where, None)
        else:
            self._objects[event.resource][where] = event.object
        for key in self.touches(event):
            self._due[key] = None

    def _work(self, key: Key) -> None:
        del self._due[key]
        try:
            self.reconcile(key)
            self._failures.pop(key, None)
        except StatusError as error:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            log.debug("%s: %s: %s", type(self).__name__, key, error)
            self.look_later(key, min(RETRY_FIRST * 2**failures, RETRY_MOST))
        except Exception:
            log.exception("%s failed at %s", type(self).__name__, key)
