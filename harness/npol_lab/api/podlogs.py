"""`pods/log`: what a container has written, as plain text."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import web

from npol.api_rules.objects import Obj
from npol_lab.api import containers
from npol_lab.api.node_interface import Runtime
from npol_lab.api.request_context import Call
from npol_lab.registry import Registry, errors


class Logs:
    def __init__(self, registry: Registry, runtime: Runtime) -> None:
        self._registry = registry
        self._runtime = runtime

    async def serve(self, call: Call) -> web.StreamResponse:
        """
        Raises:
            StatusError: 400 for a container that is not there or has not started.
        """
        pod = self._registry.get("pods", call.namespace, call.info.name)
        wanted = call.request.query.get("container", "")
        if not wanted and not pod["spec"].get("nodeName"):
            return web.Response(status=204)  # nobody has written anything yet
        container = containers.chosen(pod, wanted)
        _check_started(pod, container)
        try:
            lines = self._runtime.logs(
                pod,
                container,
                follow=call.flag("follow"),
                tail_lines=call.number("tailLines"),
                since_seconds=_since(call),
                previous=call.flag("previous"),
                timestamps=call.flag("timestamps"),
            )
            return await _stream(call, lines)
        except LookupError as missing:
            raise errors.bad_request(str(missing)) from missing


async def _stream(call: Call, lines: AsyncIterator[bytes]) -> web.StreamResponse:
    """The first line is awaited before anything is sent, so that an error can be a Status."""
    left = call.number("limitBytes")
    response = web.StreamResponse()
    response.content_type = "text/plain"
    first = await anext(lines, None) if not call.flag("follow") else b""
    await response.prepare(call.request)
    with contextlib.suppress(ConnectionError):
        if first:
            left = await _write(response, first, left)
        while left != 0 and first is not None and (line := await anext(lines, None)) is not None:
            left = await _write(response, line, left)
        await response.write_eof()
    return response


async def _write(response: web.StreamResponse, line: bytes, left: int | None) -> int | None:
    if left is None:
        await response.write(line)
        return None
    await response.write(line[:left])
    return max(left - len(line), 0)


def _since(call: Call) -> float | None:
    moment = call.request.query.get("sinceTime")
    if moment:
        started = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        return (datetime.now(UTC) - started).total_seconds()
    return call.number("sinceSeconds")


def _check_started(pod: Obj, container: str) -> None:
    """
    Raises:
        StatusError: 400 while a container waits for its start.
    """
    name, status = pod["metadata"]["name"], pod.get("status", {})
    statuses = [
        *(status.get("containerStatuses") or []),
        *(status.get("initContainerStatuses") or []),
    ]
    state: Obj = next((s.get("state", {}) for s in statuses if s["name"] == container), {})
    last = next((s.get("lastState") for s in statuses if s["name"] == container), None)
    if "waiting" in state and not last:
        reason = state["waiting"].get("reason", "ContainerCreating")
        message = _waiting(reason)
        raise errors.bad_request(
            f'container "{container}" in pod "{name}" is waiting to start: {message}'
        )


def _waiting(reason: str) -> str:
    known = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
    }
    return known.get(reason, reason)
