"""One exec with the prober in it: requests go in, answers come out, and it may break."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Protocol

from npol.kube.channels import Channel, ExecBroken, ExecFrame, ExecStatus
from npol.probe import framing
from npol.probe.command import Ended
from npol.probe.parsers.error_patterns import not_there, one_line
from npol.probe.toolbox import Toolbox, parse_toolbox

HELLO_WITHIN = 15.0
"""Seconds from the start of the exec until the prober must have said what it has."""
LIFETIME = 1800.0
"""Seconds after which the prober ends by itself; closing an exec may not reach it."""
STRAYS = 64 * 1024
"""Bytes outside of answers after which the source counts as hostile, or broken."""
POLL = 5.0
NO_COMMAND = (126, 127)


class Stream(Protocol):
    """What is needed of `npol.kube.exec_stream.ExecStream`."""

    @property
    def status(self) -> ExecStatus | None: ...

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> ExecFrame | None: ...

    def close(self) -> None: ...


class NoShell(ExecBroken):
    """The container has no `sh`: nothing can be kept open in it."""


class ProberSession:
    """Thread-safe; a thread of its own listens until the stream ends."""

    def __init__(self, stream: Stream, *, on_change: Callable[[], None]) -> None:
        """`on_change` is called, from the listening thread, when an answer or the end came."""
        self.broken = ""
        """Why nothing more will come; "" while it works."""
        self.toolbox = Toolbox()
        self.heard: dict[str, Ended] = {}
        """Answers by their ids, for the asker to take."""
        self._stream = stream
        self._on_change = on_change
        self._nonce = secrets.token_hex(16)
        self._frames = framing.Frames(self._nonce)
        self._stderr = b""
        self._greeted = threading.Event()
        self._no_shell = False

    def start(self, within: float = HELLO_WITHIN) -> None:
        """
        Send the program and wait for its greeting.

        Raises:
            NoShell: there is nothing that could run it.
            ExecBroken: no greeting.
        """
        threading.Thread(target=self._listen, name="npol-prober", daemon=True).start()
        try:
            self._stream.write(framing.program() + framing.hello(self._nonce, LIFETIME))
        except ExecBroken as error:
            self._greeted.wait(1.0)  # the listener may know better
            self._end(error.reason)
        if not self._greeted.wait(within):
            self._end(f"the prober did not start within {within:g} s")
        if self.broken:
            raise (NoShell if self._no_shell else ExecBroken)(self.broken)

    def send(self, data: bytes) -> None:
        """Requests. A stream that takes none is broken; the listener's words stand."""
        try:
            self._stream.write(data)
        except ExecBroken as error:
            self._end(error.reason)

    def close(self, reason: str = "it was closed") -> None:
        """End the prober, then the exec."""
        if not self.broken:
            self.send(framing.bye())
        self._end(reason)

    def _end(self, reason: str) -> None:
        self.broken = self.broken or reason
        self._stream.close()
        self._greeted.set()
        self._on_change()

    def _listen(self) -> None:
        try:
            while not self.broken:
                message = self._stream.read(POLL)
                if message is not None:
                    self._take(message)
        except ExecBroken as error:
            self._end(error.reason)

    def _take(self, message: ExecFrame) -> None:
        if message.channel is Channel.ERROR:
            raise ExecBroken(self._last_words(self._stream.status))
        if message.channel is Channel.STDERR:
            self._stderr = (self._stderr + message.data)[-1024:]
            return
        for ended in self._frames.feed(message.data):
            if ended.id == "hello":
                self.toolbox = parse_toolbox(ended.words)
                self._greeted.set()
            else:
                self.heard[ended.id] = ended
        if self._frames.strays > STRAYS:
            raise ExecBroken("the source floods its prober's output")
        self._on_change()

    def _last_words(self, status: ExecStatus | None) -> str:
        said = one_line(self._stderr.decode("utf-8", "replace"))
        if status is None or status.exit_code is None or status.exit_code in NO_COMMAND:
            words = (status.message if status else "") or said
            self._no_shell = not self._greeted.is_set() and _missing(words, status)
            return words or "the exec ended without saying why"
        tail = f": {said}" if said else ""
        return f"the prober ended with exit code {status.exit_code}{tail}"


def _missing(words: str, status: ExecStatus | None) -> bool:
    return not_there(words) or bool(status and status.exit_code in NO_COMMAND)
