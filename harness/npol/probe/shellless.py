"""
Asking from a container without a shell: one exec for each probe, of whatever tool it has.

Nothing vouches for an exit code here but the status of the exec, and a kubelet that restarts
reports success (kubectl#1726). So words are needed, or a success that comes twice around a
failure that was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from npol.kube.channels import Channel, ExecBroken
from npol.model.expectation import Outcome
from npol.model.probe import Answer, Probe
from npol.probe.command import Command, Ended
from npol.probe.commands.choose import CannotAsk, first_attempt
from npol.probe.commands.source_port import PORTS_TRIED, from_port, port_taken
from npol.probe.framing import BODY_BYTES
from npol.probe.parsers.error_patterns import not_there
from npol.probe.parsers.outcome import read
from npol.probe.parsers.parsed_result import Reading, error
from npol.probe.prober_stream import Stream
from npol.probe.source_ports import SourcePorts
from npol.probe.toolbox import Nc, Toolbox

BOXES = (
    Toolbox(tools=frozenset({"curl"})),
    Toolbox(tools=frozenset({"nc"}), nc=Nc.OPENBSD),
    Toolbox(tools=frozenset({"/agnhost"})),
    Toolbox(tools=frozenset({"dig"})),
    Toolbox(tools=frozenset({"nslookup"})),
)
"""What may be there, one tool each; a tool that needs stdin's end is of no use here."""
AT_ONCE = 8
SLACK = 10.0
OUTPUT = 64 * 1024
"""Bytes that one command may write."""

Open = Callable[[Sequence[str]], Stream]


class Missing(Exception):
    """The tool is not in the image."""


class Plain:
    """Asks without a shell. Thread-safe."""

    def __init__(
        self,
        open_command: Open,
        *,
        identify: Callable[[], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`identify`: makes sure that a command that ran did so in the pod that is meant."""
        self._open = open_command
        self._identify = identify or (lambda: None)
        self._now = now
        self._missing: set[str] = set()
        self._there: set[str] = set()
        self._finding = Lock()

    def ask(
        self, probes: Sequence[Probe], *, deadline: float, ports: SourcePorts | None = None
    ) -> Mapping[str, Answer]:
        """
        One answer for each probe, by its key; `deadline` in seconds.

        `ports`: where the probes leave from; None: the kernel chooses.
        """
        until = self._now() + deadline
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = pool.map(lambda probe: self._answer(probe, until, ports), probes)
            return {answer.key: answer for answer in answers}

    def _answer(self, probe: Probe, until: float, ports: SourcePorts | None) -> Answer:
        """By the first tool that is there; which one is, is found out once, side by side."""
        commands = {box: command for box in BOXES if (command := _command(probe, box))}
        asked: list[Answer] = []
        if not self._is_found(commands):
            with self._finding:
                if not self._is_found(commands):
                    asked = self._ask_with_all(commands, probe, until, ports)
        if asked:
            return asked[0]
        for box in self._left(commands)[:1]:
            with suppress(Missing):
                return self._ask_with(commands[box], probe, box, until, ports)
        names = ", ".join(["sh", *(tool for box in commands for tool in box.tools)])
        return _answer(probe, error(f"there is no {names} in the image"))

    def _left(self, commands: Mapping[Toolbox, Command]) -> list[Toolbox]:
        """Those that may be there."""
        return [b for b, c in commands.items() if not (b.tools & self._missing or c.input)]

    def _is_found(self, commands: Mapping[Toolbox, Command]) -> bool:
        """Whether it is known which of them is the first that is there, or that none is."""
        left = self._left(commands)
        return not left or left[0].tools <= self._there

    def _ask_with_all(
        self,
        commands: Mapping[Toolbox, Command],
        probe: Probe,
        until: float,
        ports: SourcePorts | None,
    ) -> list[Answer]:
        """The answers of those that are there, in their order."""
        with ThreadPoolExecutor(max_workers=len(BOXES)) as pool:
            asked = {
                box: pool.submit(self._ask_with, commands[box], probe, box, until, ports)
                for box in self._left(commands)
            }
        found = {b: a.result() for b, a in asked.items() if not isinstance(a.exception(), Missing)}
        for box in asked:
            (self._there if box in found else self._missing).update(box.tools)
        return [*found.values()]

    def _ask_with(
        self,
        command: Command,
        probe: Probe,
        box: Toolbox,
        until: float,
        ports: SourcePorts | None,
    ) -> Answer:
        try:
            ended, port = self._run_from_port(command, until, ports)
            reading = read(command, ended, probe)
            if reading.outcome is Outcome.OPEN and not ended.words.strip():
                reading = self._confirmed(reading, command, probe, box, until)
        except ExecBroken as broken:
            return _answer(probe, error(broken.reason), command)
        return _answer(probe, reading, command, ended.seconds, port)

    def _confirmed(
        self, reading: Reading, command: Command, probe: Probe, box: Toolbox, until: float
    ) -> Reading:
        """A success without a word: once more, after a refusal that must come."""
        closed = replace(probe, address="127.0.0.1", port=9)
        refused = first_attempt(closed, box).command
        told = read(refused, self._run(refused, until), closed)
        again = read(command, self._run(command, until), probe)
        if told.outcome is Outcome.REFUSED and again.outcome is Outcome.OPEN:
            return reading
        return error("the exec reported success, and nothing shows that the probe ran")

    def _run_from_port(
        self, command: Command, until: float, ports: SourcePorts | None
    ) -> tuple[Ended, int | None]:
        """How it ended, and the source port if it was chosen; as `_run`."""
        for _ in range(PORTS_TRIED):
            if ports is None or from_port(command, 0) is None:
                break
            port = ports.take(self._now(), until - self._now())
            marked = from_port(command, port) if port is not None else None
            if marked is None:
                break
            ended = self._run(marked, until)
            if not port_taken(command, ended):
                return ended, port
        return self._run(command, until), None

    def _run(self, command: Command, until: float) -> Ended:
        """
        Raises:
            Missing: the container has no such program.
            ExecBroken: it did not come to its end.
        """
        began = self._now()
        written = {Channel.STDOUT: b"", Channel.STDERR: b""}
        stream = self._open(command.argv)
        try:
            while stream.status is None:
                message = stream.read(max(0.0, until - self._now()))
                if message is None:
                    raise ExecBroken("the command did not end in time")
                if message.channel in written:
                    written[message.channel] += message.data
                if sum(map(len, written.values())) > OUTPUT:
                    raise ExecBroken("more output than a probe writes", passing=False)
            ended = _ended(command, stream, written, self._now() - began)
        finally:
            stream.close()
        self._identify()
        return ended


def _command(probe: Probe, box: Toolbox) -> Command | None:
    try:
        return first_attempt(probe, box).command
    except CannotAsk:
        return None


def _ended(
    command: Command, stream: Stream, written: Mapping[Channel, bytes], seconds: float
) -> Ended:
    status = stream.status
    if status is None or status.exit_code is None:
        words = status.message if status else "no status"
        if not_there(words):
            raise Missing(command.tool)
        raise ExecBroken(words)
    if status.exit_code in (126, 127):
        raise Missing(command.tool)
    words = written[Channel.STDERR].decode("utf-8", "replace")
    if command.reader not in ("curl",):
        words = written[Channel.STDOUT].decode("utf-8", "replace") + words
        return Ended(exit_code=status.exit_code, words=words, ended=seconds)
    body = written[Channel.STDOUT][:BODY_BYTES]
    return Ended(exit_code=status.exit_code, words=words, body=body, ended=seconds)


def _answer(
    probe: Probe,
    reading: Reading,
    command: Command | None = None,
    seconds: float = 0.0,
    source_port: int | None = None,
) -> Answer:
    return Answer(
        key=probe.key,
        outcome=reading.outcome,
        seconds=round(seconds, 2),
        tool=command.tool if command else "",
        detail=reading.detail,
        status=reading.status,
        body=reading.body,
        body_cut_off=reading.body_cut_off,
        addresses=reading.addresses,
        command=str(command) if command else "",
        source_port=source_port,
    )
