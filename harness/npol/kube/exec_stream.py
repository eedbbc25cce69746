"""
The stream of a command in a pod: the one door to WebSockets.

A reader of our own over websocket-client, with what the official client knows of server and
user. The official one shares and patches the REST client, has no deadline for the handshake,
and returns the same for exit 0, an internal error and a cut connection.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import websocket

from npol.kube.channels import (
    PROTOCOLS,
    Channel,
    ExecBroken,
    ExecFrame,
    ExecStatus,
    frame_of,
    status_of,
)
from npol.kube.responses import PASSING, Reply
from npol.kube.retry import Transient
from npol.kube.sanitize import plain
from npol.kube.tunnel import Dial

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 1 << 20
"""Bytes; the kubelet sends 32 KiB at most."""
CHUNK = 32 * 1024
WRITE_TIMEOUT = 10.0


class ExecStream:
    """
    A running command: its output by frames, its end by status.

    One thread may read while others write. Nothing here waits longer than it says.
    """

    def __init__(self, ws: _Socket, where: str) -> None:
        """`where`: the pod and its container, for the log."""
        self._ws = ws
        self._where = where
        self._opened_at = time.monotonic()
        log.info("exec in %s: open", where)
        self._lock = threading.Lock()
        self._broken = ""
        self._logged = False
        self.status: ExecStatus | None = None
        """How the command ended; None while it runs, and for ever if the stream breaks."""

    @property
    def protocol(self) -> str:
        """`v5.channel.k8s.io` or `v4.channel.k8s.io`."""
        return str(self._ws.subprotocol or "")

    def __enter__(self) -> ExecStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        """
        Send bytes to the command's stdin, all of them.

        Raises:
            ExecBroken: the stream ended, or took nothing for 10 s.
        """
        for start in range(0, len(data), CHUNK):
            message = bytes([Channel.STDIN]) + data[start : start + CHUNK]
            with self._lock, self._breaking():
                self._ws.send_binary(message)

    def read(self, timeout: float) -> ExecFrame | None:
        """
        The next frame; None when there was none for `timeout` seconds.

        The frame of channel ERROR is the last one, and sets `status`.

        Raises:
            ExecBroken: the stream ended without a status, or is read beyond it.
        """
        deadline = time.monotonic() + timeout
        while True:
            frame = self._next()
            if frame is not None:
                return frame
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._wait(left)

    def close(self) -> None:
        """End the connection at once. It does not end the command (kubernetes#89031)."""
        self._log_end()
        self._broken = self._broken or "it was closed"
        with suppress(OSError, ValueError, websocket.WebSocketException):
            if self._lock.acquire(timeout=0.5):
                try:
                    self._ws.settimeout(0.5)
                    self._ws.close(timeout=0)
                finally:
                    self._lock.release()
            else:
                self._ws.cut()

    def _log_end(self) -> None:
        """Once, when the stream is first closed: how the command ended, as far as is known."""
        if self._logged:
            return
        self._logged = True
        how = self._broken or "closed before its end"
        if self.status is not None:
            code = self.status.exit_code
            how = plain(self.status.message, limit=200) if code is None else f"exit code {code}"
        passed = time.monotonic() - self._opened_at
        log.info("exec in %s: %s, after %.1f s", self._where, how, passed)

    def _next(self) -> ExecFrame | None:
        with self._lock, self._breaking():
            if self.status is not None:
                raise ExecBroken("the command has ended")
            while True:
                message = self._ws.whole_message()
                if message is None:
                    return None
                frame = frame_of(message)
                if frame.channel is Channel.ERROR:
                    self.status = status_of(frame.data)
                if frame.data:  # servers open each channel with an empty message
                    return frame

    def _wait(self, seconds: float) -> None:
        with self._lock, self._breaking():
            descriptor = self._ws.descriptor()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(seconds * 1000)

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        """Whatever goes wrong on the socket breaks the stream for good."""
        if self._broken:
            raise ExecBroken(self._broken)
        try:
            yield
        except ExecBroken as error:
            self._broken = error.reason
            raise
        except (OSError, ValueError, websocket.WebSocketException) as error:
            self._broken = f"the stream ended without a status: {_words(error)}"
            raise ExecBroken(self._broken) from None


class _Socket(websocket.WebSocket):
    """A WebSocket whose reading of frames never waits, so that no thread holds it for long."""

    def __init__(self) -> None:
        super().__init__(enable_multithread=False, skip_utf8_validation=True)
        self._parts: list[bytes] = []
        self._unread = 0

    def opened(self, dial: Dial, timeout: float) -> socket.socket:
        """Connected already, and known here from now on, so that `cut` finds it."""
        self.sock = dial.open(timeout)
        return self.sock

    def descriptor(self) -> int:
        """To poll on. Raises OSError when there is no connection any more."""
        if self.sock is None:
            raise OSError("it was closed")
        return self.sock.fileno()

    def cut(self) -> None:
        """End the connection from any thread; whoever waits on it wakes up."""
        with suppress(OSError, ValueError):
            if self.sock is not None:  # below TLS: its own shutdown would bare the ciphertext
                below = getattr(self.sock, "socket", self.sock)  # of TLS within TLS
                socket.socket.shutdown(below, socket.SHUT_RDWR)

    def whole_message(self) -> bytes | None:
        """The next message if all of it is here; pings are answered on the way."""
        while True:
            self.settimeout(0)
            try:
                frame = self.recv_frame()  # type: ignore[no-untyped-call]
            except websocket.WebSocketTimeoutException:
                return None
            finally:
                self.settimeout(WRITE_TIMEOUT)
            if frame.opcode == websocket.ABNF.OPCODE_PING:
                self.pong(frame.data)
            elif frame.opcode == websocket.ABNF.OPCODE_CLOSE:
                raise websocket.WebSocketConnectionClosedException("the server closed it")
            elif frame.opcode != websocket.ABNF.OPCODE_PONG:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    message, self._parts, self._unread = b"".join(self._parts), [], 0
                    return message

    def _recv(self, bufsize: int) -> bytes:
        """What is here, for the frame reader, which keeps the parts of a frame."""
        if self.sock is None:
            raise websocket.WebSocketConnectionClosedException("it was closed")
        try:
            data = bytes(self.sock.recv(bufsize))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            raise websocket.WebSocketTimeoutException from None
        if not data:
            raise websocket.WebSocketConnectionClosedException("the connection was cut")
        self._unread += len(data)
        if self._unread > LARGEST_MESSAGE:
            raise websocket.WebSocketProtocolException("one message of more than 1 MiB")
        return data


def handshake(dial: Dial, timeout: float, renew: Callable[[], None]) -> _Socket:
    """
    The WebSocket of an exec.

    Raises:
        Transient: what may pass.
        ExecBroken: what will not.
    """
    ws = _Socket()
    try:
        with _ended_after(timeout, ws):
            ws.connect(  # type: ignore[no-untyped-call]
                dial.url,
                socket=ws.opened(dial, timeout),
                header=[f"{name}: {value}" for name, value in dial.headers],
                subprotocols=list(PROTOCOLS),
                timeout=timeout,
                redirect_limit=0,
            )
        if ws.getstatus() != 101:  # websocket-client below 1.9 takes a redirect for success
            ws.shutdown()  # type: ignore[no-untyped-call]
            raise Transient(f"no exec: HTTP {ws.getstatus()}", sent=False)
    except websocket.WebSocketBadStatusException as error:
        raise _refusal(error, dial, renew) from None
    except (OSError, ValueError, websocket.WebSocketException) as error:
        raise Transient(f"no exec: {_words(error)}", sent=False) from None
    return ws


@contextmanager
def _ended_after(seconds: float, ws: _Socket) -> Iterator[None]:
    """Cuts the connection then: a server that trickles bytes passes every single timeout."""

    timer = threading.Timer(seconds, ws.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _refusal(
    error: websocket.WebSocketBadStatusException, dial: Dial, renew: Callable[[], None]
) -> Exception:
    reply = Reply(status=error.status_code, body=error.resp_body or b"")
    # websocket-client below 1.9 keeps no reason phrase
    text = str(reply.state().get("message") or getattr(error, "status_message", None) or "")
    secrets = [word for _, value in dial.headers for word in value.split()[1:]]
    message = plain(text, secrets=secrets, limit=300)
    what = f"HTTP {reply.status}: {message}"
    if reply.status == 401:
        renew()
    if reply.status == 401 or reply.status in PASSING:
        return Transient(what, sent=False, status=reply.status)
    return ExecBroken(what, passing=False)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError | websocket.WebSocketTimeoutException):
        return "no answer in time"
    return plain(str(error) or type(error).__name__, limit=200)
