"""`pods/exec` and `pods/attach`: the streams of a command or container over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from npol.api_rules.objects import Obj
from npol_lab.api import containers
from npol_lab.api.channels import (
    MAX_FRAME,
    PROTOCOLS,
    Channel,
    Channels,
    exit_status,
    failure_status,
)
from npol_lab.api.node_interface import ExecFailed, Execution, Runtime
from npol_lab.api.request_context import Call
from npol_lab.api.tamper import Tamper
from npol_lab.registry import Registry, errors

ATTACH = "attach"
CHUNK = 32 * 1024
SPDY = (
    "exec over SPDY; kubectl >= 1.31 and the official clients use WebSockets "
    "(v4.channel.k8s.io or v5.channel.k8s.io)"
)


class Execs:
    """
    A command goes on when its client goes away, as on a real node (kubernetes#89031): its
    stdin ends and its output is thrown away. Only a terminal takes its command with it.
    """

    def __init__(self, registry: Registry, runtime: Runtime) -> None:
        self._registry = registry
        self._runtime = runtime
        self._tasks: set[asyncio.Task[Any]] = set()

    def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def serve(self, call: Call, fault: Obj) -> web.StreamResponse:
        pod = self._registry.get("pods", call.namespace, call.info.name)
        container = containers.chosen(pod, call.request.query.get("container", ""))
        _check(call, pod)
        if fault.get("exec"):
            return await self._tampered(call, pod, container, fault)
        return await self._command(call, await _opened(call), pod, container, Tamper())

    async def _tampered(
        self, call: Call, pod: Obj, container: str, fault: Obj
    ) -> web.StreamResponse:
        from npol_lab.api import exec_faults  # labs without faults go without it

        mode = fault["exec"]
        if mode == "no-handshake":
            return await exec_faults.never_answered(call.request)
        channels = await _opened(call)
        if mode in exec_faults.WITHOUT_COMMAND:
            await exec_faults.play(mode, call.request, channels)
            return channels.socket
        if mode == "swap-pod":
            pod = exec_faults.another(self._registry, pod, fault.get("pod", ""))
            container = containers.chosen(pod, "") if container not in _names(pod) else container
        tamper = exec_faults.tampered(mode, call.request)
        return await self._command(call, channels, pod, container, tamper)

    async def _command(
        self, call: Call, channels: Channels, pod: Obj, container: str, tamper: Tamper
    ) -> web.StreamResponse:
        try:
            await self._run(Session(call, channels, tamper), pod, container)
        except ExecFailed as failed:
            await channels.send_status(failure_status(channels.protocol, str(failed)))
            await channels.close()
        return channels.socket

    async def _run(self, session: Session, pod: Obj, container: str) -> None:
        execution = await self._execution(session, pod, container)
        work = self._spawn(session.output(execution))
        listening = self._spawn(session.listen(execution))
        await asyncio.wait({work, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            session.abandoned(execution)
            return
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        await session.finish(work.result())

    async def _execution(self, session: Session, pod: Obj, container: str) -> Execution:
        if session.attaches:
            return self._runtime.attach(pod, container, stdin=session.stdin)
        if not containers.is_running(pod, container):
            missing = f'unable to upgrade connection: container not found ("{container}")'
            raise ExecFailed(missing)
        return await self._runtime.exec(
            pod, container, session.argv, stdin=session.stdin, tty=session.tty
        )


class Session:
    """The streams between one client and one command."""

    def __init__(self, call: Call, channels: Channels, tamper: Tamper) -> None:
        self.attaches = call.info.subresource == ATTACH
        self.argv = call.request.query.getall("command", [])
        self.stdin, self.tty = call.flag("stdin"), call.flag("tty")
        self._wanted = {Channel.STDOUT: call.flag("stdout"), Channel.STDERR: call.flag("stderr")}
        self._channels = channels
        self._tamper = tamper

    async def output(self, execution: Execution) -> int:
        """Pass on what the command writes; its exit code when it has ended and all is read."""
        pumps = [self._pump(execution.stdout, Channel.STDOUT)]
        if execution.stderr is not None:
            channel = Channel.STDOUT if self.tty else Channel.STDERR
            pumps.append(self._pump(execution.stderr, channel))
        waiting = asyncio.gather(*pumps)
        code = await execution.wait()
        await waiting
        return code

    async def _pump(self, stream: asyncio.StreamReader, channel: Channel) -> None:
        while chunk := await stream.read(CHUNK):
            if self._wanted[channel] and self._tamper.passes(chunk):
                await self._channels.send(channel, chunk)
                self._tamper.sent()

    async def listen(self, execution: Execution) -> None:
        """Pass on what the client sends, until it goes."""
        while (frame := await self._channels.receive()) is not None:
            channel, data = frame
            if channel == Channel.STDIN and data:
                await _write(execution, data)
            elif channel == Channel.CLOSE and data[:1] == bytes([Channel.STDIN]):
                _end_stdin(execution)
            elif channel == Channel.RESIZE:
                _resize(execution, data)

    def abandoned(self, execution: Execution) -> None:
        if self.tty:
            execution.kill()
        else:
            _end_stdin(execution)

    async def finish(self, code: int) -> None:
        if self._tamper.tells_status:
            status = exit_status(self._channels.protocol, self.argv, code)
            await self._channels.send_status(status)
        await self._channels.close()


async def _write(execution: Execution, data: bytes) -> None:
    if execution.stdin is None or execution.stdin.is_closing():
        return
    with contextlib.suppress(ConnectionError):
        execution.stdin.write(data)
        await execution.stdin.drain()


def _end_stdin(execution: Execution) -> None:
    if execution.stdin is not None:
        execution.stdin.close()


def _resize(execution: Execution, data: bytes) -> None:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        size = json.loads(data)
        execution.resize(int(size["Width"]), int(size["Height"]))


def _names(pod: Obj) -> list[str]:
    return [c["name"] for c in pod["spec"].get("containers") or []]


def _check(call: Call, pod: Obj) -> None:
    """
    Raises:
        StatusError: what is refused before any upgrade.
    """
    query = call.request.query
    if not pod["spec"].get("nodeName"):
        raise errors.bad_request(f"pod {call.info.name} does not have a host assigned")
    if call.info.subresource != ATTACH and not any(query.getall("command", [])):
        raise errors.bad_request("you must specify at least 1 command for the container")
    if not any(call.flag(k) for k in ("stdin", "stdout", "stderr")):
        raise errors.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    upgrade = call.request.headers.get("Upgrade", "").lower()
    if upgrade.startswith("spdy"):
        raise errors.not_implemented(SPDY)
    if upgrade != "websocket" or call.request.method != "GET":
        raise errors.bad_request("unable to upgrade: missing upgrade headers in request")


async def _opened(call: Call) -> Channels:
    """The client's channels, with the empty frame that a real server begins with."""
    channels = await _upgraded(call)
    await channels.send(Channel.STDOUT if call.flag("stdout") else Channel.ERROR, b"")
    return channels


async def _upgraded(call: Call) -> Channels:
    offered = call.request.headers.get("Sec-WebSocket-Protocol", "")
    if not any(p.strip() in PROTOCOLS for p in offered.split(",")):
        raise errors.bad_request(f"unable to upgrade: subprotocols are {', '.join(PROTOCOLS)}")
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=MAX_FRAME, compress=False)
    await socket.prepare(call.request)
    return Channels(socket)
