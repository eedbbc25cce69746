"""A source that waits, in an exec, to be told where a fresh pod is, and asks it at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from npol.kube.channels import Channel, ExecBroken
from npol.model.fresh_try import FreshLog
from npol.probe.fresh_program import ends_input, parse_fresh_log, wait_input
from npol.probe.prober_stream import Stream

READY_WITHIN = 10.0
ENDS_WITHIN = 5.0
POLL = 0.5


class FreshAsker:
    """Thread-safe; a thread of its own listens until the exec ends."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._text = b""
        self._stderr = b""
        self._heard = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="npol-fresh", daemon=True)

    def start(self) -> None:
        """Send the program, and wait until it is ready to be told an address, or has failed."""
        self._thread.start()
        self._write(wait_input())
        self._heard.wait(READY_WITHIN)

    def tell(self, ends: Sequence[tuple[str, int]]) -> None:
        """Where to ask, from now on."""
        self._write(ends_input(ends))

    def end(self) -> FreshLog:
        """What it has seen; it asks no more."""
        self._write(b"end\n")
        self._ended.wait(ENDS_WITHIN)
        self._stream.close()
        log = parse_fresh_log(self._text.decode("utf-8", "replace"))
        if log.started is None:
            said = (log.words, self._stderr.decode("utf-8", "replace").strip())
            return FreshLog(words=" ".join(filter(None, said)) or "the exec said nothing")
        return log

    def _write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except ExecBroken:
            self._over()

    def _over(self) -> None:
        self._heard.set()
        self._ended.set()

    def _listen(self) -> None:
        until = time.monotonic() + 3600
        try:
            while time.monotonic() < until:
                frame = self._stream.read(POLL)
                if frame is None:
                    continue
                if frame.channel is Channel.ERROR:
                    return
                if frame.channel is Channel.STDERR:
                    self._stderr += frame.data
                else:
                    self._text += frame.data
                    self._heard.set()
        except ExecBroken as error:
            self._stderr += error.reason.encode()
        finally:
            self._over()
