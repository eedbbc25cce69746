"""
The connections that one source holds open: an exec of its own beside the prober's, which may be
opened again meanwhile. A broken one says nothing about any connection: what it held is an error.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import resources

from npol.kube.channels import Channel, ExecBroken, ExecFrame
from npol.model.expectation import Outcome
from npol.model.probe import Answer, Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.held_connection import HeldConnection, HoldEvent, parse_event
from npol.probe.parsers.error_patterns import not_there, one_line
from npol.probe.prober_stream import NO_COMMAND, STRAYS, Stream

log = logging.getLogger(__name__)

BOOTSTRAP = "import sys;exec(''.join(iter(sys.stdin.readline,'#end\\n')))"
"""Reads the program from stdin: in the command line it would make the exec's URL too long."""
BEAT_EVERY = 0.5
"""Seconds; without them the program ends by itself."""
PONG_WITHIN = 5.0
"""Seconds without a word after which nothing is known of what is held."""
POLL = 0.25
NOTHING_HELD = "no connection is held from this pod: it was not there when they were opened"
NO_TOOL = "holding a connection needs python3, and there is none in this container"


class Holder:
    """Thread-safe."""

    def __init__(
        self,
        open_command: Callable[[Sequence[str]], Stream],
        *,
        identify: Callable[[], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """See `Prober`."""
        self._open_command = open_command
        self._identify = identify or (lambda: None)
        self._now = now
        self._held: dict[str, tuple[_HoldSession, HeldConnection]] = {}
        self._failed: dict[str, str] = {}
        """Why a connection was not even begun, by its probe's key."""
        self._session: _HoldSession | None = None
        self._lock = threading.Lock()
        self.execs = 0

    def hold(self, probe: Probe) -> Answer:
        """Open a connection and keep it, unless one is; what it does, waited for."""
        with self._lock:
            if probe.key in self._held:
                return self._answer(probe.key, 0, self._now())
            try:
                session = self._running()
                self._held[probe.key] = session, session.begin(probe, len(self._held))
            except ExecBroken as broken:
                self._failed[probe.key] = broken.reason
        asked = self.begin_asking([probe])
        return self.answers(asked, deadline=2 * probe.timeout + PONG_WITHIN)[probe.key]

    def silent_for(self, key: str) -> float:
        """Seconds for which it is unanswered; 0 where it is not held."""
        held = self._held.get(key)
        return held[1].silent_for if held else 0.0

    def begin_asking(self, probes: Sequence[Probe]) -> Mapping[Probe, int]:
        """Each probe, with the exchange that was the last by now: a later one must be answered."""
        return {p: self._held[p.key][1].sent if p.key in self._held else 0 for p in probes}

    def answers(self, asked: Mapping[Probe, int], *, deadline: float) -> dict[str, Answer]:
        """What connections do since they were asked about; waited for until that is known."""
        until = self._now() + deadline
        return {
            probe.key: unless_doubted(probe, self._answer(probe.key, after, until))
            for probe, after in asked.items()
        }

    def _answer(self, key: str, after: int, until: float) -> Answer:
        if key not in self._held:
            return _error(key, self._failed.get(key, NOTHING_HELD))
        session, connection = self._held[key]
        return session.answer(connection, after, until)

    def close(self) -> None:
        """End all that is held."""
        with self._lock:
            if self._session:
                self._session.close()

    def _running(self) -> _HoldSession:
        if self._session is None or self._session.broken:
            self.execs += 1
            nonce = secrets.token_hex(16)
            stream = self._open_command(("python3", "-I", "-S", "-c", BOOTSTRAP, nonce))
            self._identify()
            self._session = _HoldSession(stream, nonce, self._now)
        return self._session


class _HoldSession:
    """One exec with the program in it."""

    def __init__(self, stream: Stream, nonce: str, now: Callable[[], float]) -> None:
        self.broken = ""
        self._stream = stream
        self._nonce = nonce
        self._now = now
        self._connections: dict[str, HeldConnection] = {}
        self._changed = threading.Condition()
        self._rest = b""
        self._stderr = b""
        self._strays = 0
        self._heard_at = self._now()
        self._send(_program())
        threading.Thread(target=self._listen, name="npol-holder", daemon=True).start()

    def begin(self, probe: Probe, number: int) -> HeldConnection:
        """Have a connection opened."""
        name, held = f"h{number}", HeldConnection(key=probe.key, timeout=probe.timeout)
        with self._changed:
            self._connections[name] = held
        self._send(_request(name, probe))
        return held

    def _send(self, data: bytes) -> None:
        """What ended the exec stands in what it still says, which the listener reads."""
        try:
            self._stream.write(data)
        except ExecBroken as error:
            log.info("a holder takes nothing more: %s", error.reason)

    def answer(self, held: HeldConnection, after: int, until: float) -> Answer:
        with self._changed:
            while True:
                if found := held.answer(after):
                    return found
                if self.broken:
                    return _error(held.key, self.broken)
                if (now := self._now()) - self._heard_at > PONG_WITHIN:
                    why = f"what holds it has said nothing for {now - self._heard_at:.0f} s"
                    return _error(held.key, why)
                if now >= until:
                    return _error(held.key, "what it does was not told in time")
                self._changed.wait(POLL)

    def close(self) -> None:
        self._send(b"bye\n")
        self._end("it was closed")

    def _end(self, reason: str) -> None:
        with self._changed:
            self.broken = self.broken or reason
            self._changed.notify_all()
        self._stream.close()

    def _listen(self) -> None:
        beat, number = self._now(), 0
        try:
            while not self.broken:
                frame = self._stream.read(POLL)
                if frame is not None:
                    self._take(frame)
                if self._now() >= beat:
                    number, beat = number + 1, self._now() + BEAT_EVERY
                    self._send(b"beat %d\n" % number)
        except ExecBroken as error:
            self._end(f"the exec that held it broke, whether it lives is not known: {error.reason}")

    def _take(self, frame: ExecFrame) -> None:
        if frame.channel is Channel.ERROR:
            self._end(self._last_words())
            return
        if frame.channel is Channel.STDERR:
            self._stderr = (self._stderr + frame.data)[-1024:]
            return
        *lines, self._rest = (self._rest + frame.data).split(b"\n")
        events = [parse_event(line.decode("utf-8", "replace"), self._nonce) for line in lines]
        self._strays += sum(len(line) for line, e in zip(lines, events, strict=True) if e is None)
        if self._strays + len(self._rest) > STRAYS:
            raise ExecBroken("the source floods its output")
        with self._changed:
            for event in events:
                if event:
                    self._note(event)
            self._changed.notify_all()

    def _note(self, event: HoldEvent) -> None:
        self._heard_at = self._now()
        for name, connection in self._connections.items():
            if event.name in ("-", name):
                connection.note(event)

    def _last_words(self) -> str:
        said, status = one_line(self._stderr.decode("utf-8", "replace")), self._stream.status
        words = (status.message if status else "") or said
        code = status.exit_code if status else None
        if not_there(words) or code in NO_COMMAND:
            return NO_TOOL
        return f"what held it has ended, whether it lives is not known: {words or code}"


def _program() -> bytes:
    text = resources.files("npol.probe").joinpath("hold_in_pod.py").read_text("ascii")
    return text.encode() + b"\n#end\n"


def _request(name: str, probe: Probe) -> bytes:
    kind = "tcp"
    if probe.kind is ProbeKind.HTTP:
        kind = "https" if probe.tls else "http"
    elif probe.protocol is Protocol.UDP:
        kind = "dns" if probe.kind is ProbeKind.DNS else "udp"
    host = probe.name or probe.address
    words = (name, kind, f"{probe.timeout:g}", probe.address, str(probe.port), host, probe.path)
    return f"hold {' '.join(words)}\n".encode()


def unless_doubted(probe: Probe, answer: Answer) -> Answer:
    """A silence that may be another's doing than a policy's is nobody's cut."""
    if probe.doubt and answer.outcome in (Outcome.TIMEOUT, Outcome.RESET):
        return _error(probe.key, f"{probe.doubt}: {answer.detail}")
    return answer


def _error(key: str, why: str) -> Answer:
    return Answer(key=key, outcome=Outcome.ERROR, tool="python3", detail=why)
