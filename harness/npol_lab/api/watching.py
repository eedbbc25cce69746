"""Watches: a stream of events, one JSON document to a line."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

from aiohttp import web

from npol.api_rules.field_errors import field_forbidden, invalid_value
from npol.api_rules.objects import Obj
from npol_lab.api import selection, tables
from npol_lab.api.request_context import Call
from npol_lab.api.responses import encoded, partial
from npol_lab.registry import Registry, errors, versions
from npol_lab.store import Event, Gone, Subscription

BOOKMARK_EVERY = 60.0
"""Seconds. Real servers tell the revision about once a minute, too."""
LONGEST = (1800, 3600)
"""Seconds that a watch without `timeoutSeconds` lasts at most, at random in between."""


class Watches:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._open: set[asyncio.Task[object]] = set()

    async def serve(self, call: Call) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json"
        watch = _Watch(self._registry, call)
        await response.prepare(call.request)
        task = asyncio.current_task()
        assert task is not None, "requests are served by tasks"
        self._open.add(task)
        try:
            async for line in watch.lines():
                await response.write(encoded(line) + b"\n")
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self._open.discard(task)
            watch.close()
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
        return response

    def stop(self) -> None:
        for task in list(self._open):
            task.cancel()


class _Watch:
    def __init__(self, registry: Registry, call: Call) -> None:
        query = call.request.query
        self._call = call
        self._registry = registry
        self._kind = call.resource
        self._form = call.form
        self._columns = tables.columns_of(
            self._kind, registry.catalogue.printer_columns(self._kind)
        )
        self._include = query.get("includeObject", "Metadata")
        self._headers = True
        self._selection = selection.parse(
            self._kind, query.get("labelSelector", ""), query.get("fieldSelector", "")
        )
        self._bookmarks = call.flag("allowWatchBookmarks")
        _refuse_streamed_lists(call)
        self._seconds = call.number("timeoutSeconds") or random.randint(*LONGEST)
        version = query.get("resourceVersion", "")
        self._start = 0 if version in ("", "0") else _revision(version)
        self._subscription: Subscription | None = None

    def close(self) -> None:
        if self._subscription is not None:
            self._subscription.close()

    async def lines(self) -> AsyncIterator[Obj]:
        store = self._registry.store
        revision = store.revision
        try:
            if not self._start:
                for obj in store.list(self._kind.name, self._call.namespace):
                    if self._selection.holds(obj):
                        yield self._line("ADDED", obj)
                self._subscription = store.follow(self._kind.name, revision)
            else:
                self._subscription = store.follow(self._kind.name, self._start)
        except Gone as gone:
            error = errors.StatusError(410, "Expired", str(gone))
            yield {"type": "ERROR", "object": error.status()}
            return
        async for line in self._live(self._subscription):
            yield line

    async def _live(self, subscription: Subscription) -> AsyncIterator[Obj]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._seconds
        while (left := ends - loop.time()) > 0:
            try:
                event = await asyncio.wait_for(anext(subscription), min(left, BOOKMARK_EVERY))
            except TimeoutError:
                if self._bookmarks:
                    yield self._bookmark()
                continue
            except StopAsyncIteration:
                return
            line = self._event(event)
            if line is not None:
                yield line

    def _event(self, event: Event) -> Obj | None:
        """An object that comes into the selection is ADDED, one that leaves it DELETED."""
        namespace = self._call.namespace
        if namespace and event.object["metadata"].get("namespace") != namespace:
            return None
        now = self._selection.holds(event.object) and event.type != "DELETED"
        before = event.old is not None and self._selection.holds(event.old)
        if not now and not before:
            return None
        if now:
            return self._line("MODIFIED" if before else "ADDED", event.object)
        if event.type == "DELETED":
            return self._line("DELETED", event.object)
        last = {**(event.old or {})}
        last["metadata"] = {**last["metadata"], "resourceVersion": str(event.revision)}
        return self._line("DELETED", last)

    def _line(self, type: str, obj: Obj) -> Obj:
        obj = versions.shown(self._kind, obj)
        if self._form.kind == "Table":
            shown = tables.table(
                self._columns, [obj], {}, include=self._include, headers=self._headers
            )
            self._headers = False
        elif self._form.kind:
            shown = partial(obj)
        else:
            shown = obj
        return {"type": type, "object": shown}

    def _bookmark(self) -> Obj:
        """The revision up to which the client has seen everything."""
        revision = str(self._registry.store.revision)
        metadata: Obj = {"resourceVersion": revision, "creationTimestamp": None}
        kind = self._kind
        obj: Obj = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
        if self._form.kind == "Table":
            obj = tables.table(self._columns, [], metadata, headers=self._headers)
            obj["rows"] = []
        elif self._form.kind:
            obj = partial(obj)
        return {"type": "BOOKMARK", "object": obj}


def _revision(version: str) -> int:
    if not version.isdecimal():
        why = f'strconv.ParseUint: parsing "{version}": invalid syntax'
        cause = invalid_value("resourceVersion", version, why)
        raise errors.StatusError(500, "", f"{cause.field}: {cause.message}")
    return int(version)


def _refuse_streamed_lists(call: Call) -> None:
    """Clients that try one (KEP-3157) fall back to a list and a watch, as at 1.33 itself."""
    if "sendInitialEvents" in call.request.query:
        rule = (
            "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        )
        cause = field_forbidden("sendInitialEvents", rule)
        raise errors.invalid_options("ListOptions", cause)
