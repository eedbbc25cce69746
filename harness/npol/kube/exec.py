"""
Commands in running pods.

Everything that is not a complete, proven answer is an ExecBroken.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from urllib.parse import urlencode

from npol.errors import NpolError
from npol.kube.channels import Channel, ExecBroken
from npol.kube.connection import Connection
from npol.kube.exec_completion import ExecResult, framed, proven
from npol.kube.exec_stream import ExecStream, handshake
from npol.kube.objects import PODS, Ref
from npol.kube.retry import Transient, persist
from npol.model.probe import PodRef

log = logging.getLogger(__name__)

LONGEST_COMMAND = 4000
"""Characters of the URL's query; proxies before an API server cut longer ones."""


def open_exec(
    connection: Connection,
    pod: PodRef,
    argv: Sequence[str],
    *,
    stdin: bool = True,
    handshake_timeout: float = 10.0,
    identify: bool = True,
) -> ExecStream:
    """
    Start a command in a pod, with a WebSocket of its own.

    A handshake that fails in a way that may pass (429, 5xx, no connection) is tried again
    until `handshake_timeout` seconds are over: no command has run by then.

    Args:
        identify: whether to make sure of the pod's identity; if not, the caller does
            (`check_identity`), or what the command says shows it.

    Raises:
        ExecBroken: no exec, or the pod is not the one meant any more (its uid differs).
        Refused: the connection's mode only reads.
    """
    query = _query(pod, argv, stdin)
    path = PODS.path(pod.namespace, pod.name, "exec")
    where = f"{pod}, container {pod.container or '(the first)'}"
    deadline = time.monotonic() + handshake_timeout

    def attempt() -> ExecStream:
        dial = connection.dial(path, query, pod.namespace)
        left = max(0.5, deadline - time.monotonic())
        return ExecStream(handshake(dial, left, connection.renew), where)

    try:
        stream = persist(
            attempt,
            patience=handshake_timeout,
            throttled=handshake_timeout,
            repeatable=True,
            clock=connection.clock,
        )
    except Transient as failure:
        log.info("exec in %s: not opened: %s", where, failure.what)
        raise ExecBroken(f"{pod}: {failure.what}") from None
    try:
        if identify:
            check_identity(connection, pod)
    except BaseException:
        stream.close()
        raise
    return stream


def _query(pod: PodRef, argv: Sequence[str], stdin: bool) -> str:
    fields = [("command", word) for word in argv]
    fields += [("stdin", str(stdin).lower()), ("stdout", "true"), ("stderr", "true")]
    if pod.container:
        fields.append(("container", pod.container))
    query = urlencode(fields)
    if len(query) > LONGEST_COMMAND:
        raise ExecBroken(
            f"{pod}: a command of {len(query)} characters in the URL, "
            f"{LONGEST_COMMAND} are safe; send the rest over stdin",
            passing=False,
        )
    return query


def check_identity(connection: Connection, pod: PodRef) -> None:
    """
    That the pod that we are in by now is the one meant, not a successor of that name.

    Names are unique at any time: the uid is the same after the start, so it was at the start.

    Raises:
        ExecBroken: it is not, or cannot be read.
    """
    if not pod.uid:
        return
    try:
        found = connection.get(Ref(PODS, pod.namespace, pod.name))
    except NpolError as error:
        raise ExecBroken(f"{pod}: its identity cannot be read: {error.message}") from None
    uid = found["metadata"]["uid"] if found else ""
    if uid != pod.uid:
        what = f"replaced by another pod, uid {uid}" if uid else "deleted"
        raise ExecBroken(f"{pod} (uid {pod.uid}) was {what}", passing=False)


def run_once(
    connection: Connection,
    pod: PodRef,
    argv: Sequence[str],
    *,
    timeout: float,
    limit: int = 64 * 1024,
) -> ExecResult:
    """
    Run a command to its end, by the container's `sh`.

    The result stands on two legs: the status frame, and a mark with a nonce and the exit code
    that the shell prints after the command.

    Args:
        timeout: seconds for the command; the handshake has its own.
        limit: bytes of output.

    Raises:
        ExecBroken: anything else.
    """
    nonce = secrets.token_hex(16)
    with open_exec(connection, pod, framed(argv, nonce), stdin=False) as stream:
        out = _collect(stream, timeout, limit)
        return proven(stream.status, out, nonce)


def _collect(stream: ExecStream, timeout: float, limit: int) -> dict[Channel, bytes]:
    deadline = time.monotonic() + timeout
    out = {Channel.STDOUT: b"", Channel.STDERR: b""}
    while stream.status is None:
        frame = stream.read(max(0.0, deadline - time.monotonic()))
        if frame is None:
            raise ExecBroken(f"the command did not end within {timeout:g} s")
        if frame.channel in out:
            out[frame.channel] += frame.data
        if sum(map(len, out.values())) > limit:
            raise ExecBroken(f"more than {limit // 1024} KiB of output", passing=False)
    return out
