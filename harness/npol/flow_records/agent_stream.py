"""
One node's records, live: `hubble observe` by exec in the pod of its Cilium agent.

Nothing here raises for what a cluster does: a stream that breaks is opened again from where it
broke, and one that cannot be had says why.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from npol.errors import NpolError
from npol.flow_records.hubble import parsed
from npol.flow_records.store import RecordStore
from npol.flow_records.tail import LineSplitter
from npol.kube.channels import Channel, ExecBroken, ExecFrame, ExecStatus
from npol.kube.sanitize import plain

log = logging.getLogger(__name__)

OBSERVE = ("policy-verdict", "drop", "trace:to-endpoint")
"""The types of event that say what became of a packet."""
LIFETIME = 1800
"""Seconds after which a command ends by itself; closing an exec may not reach it."""
FOLLOW = f"""read -r options
exec 3<&0
hubble observe -f -o jsonpb {" ".join(f"-t {t}" for t in OBSERVE)} \
  $options </dev/null &
observer=$!
{{ timeout {LIFETIME} cat <&3; kill $observer; }} >/dev/null 2>&1 &
guard=$!
wait $observer
code=$?
kill $guard 2>/dev/null
exit $code
"""
"""POSIX sh: options come in the first line, and the command ends with its standard input."""
BEFORE = 2.0
"""Seconds before a stream's start from which it is told: nothing is missed in between."""
RETRY = (0.2, 1.0)
"""Seconds to wait before a stream is opened again, after one failure and after two."""
TRIES = 3
"""Streams in a row that may end soon, without anything told, until the node is given up."""
SOON = 30.0
POLL = 1.0


class RecordStream(Protocol):
    """What is needed of `npol.kube.exec_stream.ExecStream`."""

    status: ExecStatus | None

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> ExecFrame | None: ...

    def close(self) -> None: ...


class AgentStream:
    """Follows one agent in a thread of its own until it is closed."""

    def __init__(
        self,
        open_exec: Callable[[Sequence[str]], RecordStream],
        node: str,
        store: RecordStore,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`open_exec` starts a command in the agent's container; raises ExecBroken, Refused."""
        self.node = node
        self.failed = ""
        """Why this node's records cannot be had; "" while they can, as far as is known."""
        self._open = open_exec
        self._store = store
        self._now = now
        self._addresses: frozenset[str] = frozenset()
        self._stream: RecordStream | None = None
        self._since = now()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def follow(self, addresses: Collection[str]) -> None:
        """Have what these addresses send told, besides those that are followed already."""
        with self._lock:
            if self._addresses.issuperset(addresses):
                return
            self._addresses = self._addresses.union(addresses)
            stream, thread = self._stream, self._thread
        if stream:
            stream.close()  # it is opened again with all addresses
        if not thread:
            self._thread = threading.Thread(
                target=self._run, name=f"npol-records-{self.node}", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        with self._lock:
            stream = self._stream
        if stream:
            stream.close()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            began, before = self._now(), self._store.counts.records
            why = self._one_stream()
            if self._stopped.is_set() or not why:
                continue
            self._store.note_gap()
            worked = self._store.counts.records > before or self._now() - began > SOON
            failures = 1 if worked else failures + 1
            log.info("flow records of node %s: %s", self.node, why)
            if failures >= TRIES:
                self.failed = why
                return
            self._stopped.wait(RETRY[failures - 1])

    def _one_stream(self) -> str:
        """Until it ends; why it did, "" where other addresses are wanted."""
        try:
            stream = self._open(["sh", "-c", FOLLOW])
        except NpolError as error:
            return error.reason if isinstance(error, ExecBroken) else error.message
        with self._lock:
            self._stream, addresses = stream, self._addresses
        try:
            stream.write(f"{self._options(addresses)}\n".encode())
            why = self._listen(stream)
        except ExecBroken as broken:
            why = broken.reason
        finally:
            with self._lock:
                self._stream = None
            stream.close()
        return why if addresses == self._addresses else ""

    def _options(self, addresses: Collection[str]) -> str:
        """`--since` is by the agent's own clock, from when the stream before was at work."""
        back = self._now() - self._since + BEFORE
        sources = " ".join(f"--from-ip {address}" for address in sorted(addresses))
        return f"--since {back:.1f}s {sources}"

    def _listen(self, stream: RecordStream) -> str:
        splitter, words = LineSplitter(), b""
        while not self._stopped.is_set():
            frame = stream.read(POLL)
            self._since = self._now()
            if frame is None:
                continue
            if frame.channel is Channel.ERROR:
                return _last_words(stream.status, words)
            if frame.channel is Channel.STDERR:
                words = (words + frame.data)[-1024:]
            else:
                self._take(splitter, frame)
        return "it was closed"

    def _take(self, splitter: LineSplitter, frame: ExecFrame) -> None:
        for line in splitter.feed(frame.data):
            self._store.add(parsed(line))


def _last_words(status: ExecStatus | None, words: bytes) -> str:
    said = plain(words.decode("utf-8", "replace").strip(), limit=200)
    if said:
        return said
    return (status.message if status else "") or "hubble observe ended"
