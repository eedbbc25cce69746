"""One round of probes at one source, from the questions to the answers. Pure: time passed in."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from npol.model.expectation import Outcome
from npol.model.probe import Answer, Probe, ProbeKind
from npol.probe.command import Capture, Ended
from npol.probe.commands.choose import (
    CannotAsk,
    Look,
    control_look,
    first_look,
    second_look,
    settle_looks,
)
from npol.probe.commands.connect import whole
from npol.probe.commands.http import PATIENCE
from npol.probe.cpu_starvation import starved
from npol.probe.framing import Frame, bodied
from npol.probe.parsers.outcome import read
from npol.probe.parsers.parse_result import Reading, error
from npol.probe.toolbox import Toolbox

SLACK = 5.0
"""Seconds beyond a command's own time after which its answer is given up."""
SILENT = (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)
LOOPBACK, DISCARD = "127.0.0.1", 9
"""Where a control asks: refused or answered at once, and never over a network."""


@dataclass(slots=True, kw_only=True)
class Ticket:
    """One command on its way."""

    probe: Probe
    look: Look
    control: str = ""
    """The reader for whose commands this one is the control."""
    first: tuple[Reading, Frame] | None = None
    """What an earlier look read."""
    overdue: float = 0.0
    """When its answer is given up; set when it is sent."""
    id: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def weight(self) -> int:
        """Memory, in units of what nc takes."""
        return 4 if self.look.command.tool in ("curl", "wget", "dig", "/agnhost") else 1


@dataclass(slots=True, kw_only=True)
class _Seen:
    look: Look
    reading: Reading
    frame: Frame


class Round:
    """Tickets to send, tickets under way, and what they saw."""

    def __init__(self, probes: Sequence[Probe], box: Toolbox) -> None:
        self._box = box
        self._keys: dict[Probe, list[str]] = {}
        for probe in probes:
            self._keys.setdefault(replace(probe, key=""), []).append(probe.key)
        self._probes = {keys[0]: replace(p, key=keys[0]) for p, keys in self._keys.items()}
        self._seen: dict[str, _Seen] = {}
        self._errors: dict[str, Answer] = {}
        self._controls: dict[str, Frame] = {}
        self.unsent: deque[Ticket] = deque()
        self.sent: dict[str, Ticket] = {}
        for probe in self._probes.values():
            self._ask(probe)
        for control in self._control_tickets():
            self.unsent.insert(len(self.unsent) // 2, control)

    @property
    def done(self) -> bool:
        return not self.unsent and not self.sent

    def send(self, ticket: Ticket, now: float) -> None:
        """The first of `unsent` goes out."""
        self.unsent.remove(ticket)
        ticket.overdue = now + _longest(ticket.look) + SLACK
        self.sent[ticket.id] = ticket

    def overdue(self, now: float) -> bool:
        """Whether an answer should have come long ago."""
        return any(now > ticket.overdue for ticket in self.sent.values())

    def end(self, frame: Frame) -> None:
        """An answer came."""
        ticket = self.sent.pop(frame.id)
        if ticket.control:
            self._controls[ticket.control] = frame
            return
        reading = _read(ticket.look, frame)
        further = second_look(ticket.look, reading, self._box) if reading.again else None
        if ticket.first:
            reading = settle_looks(ticket.first[0], reading)
        if further and ticket.first is None:
            look = (reading, frame)
            self.unsent.append(Ticket(probe=ticket.probe, look=further, first=look))
        self._seen[ticket.probe.key] = _Seen(look=ticket.look, reading=reading, frame=frame)

    def lose(self, reason: str) -> None:
        """Nothing more will come of what is under way."""
        for ticket in self.sent.values():
            self._lost(ticket, reason)
        self.sent.clear()

    def give_up(self, reason: str) -> None:
        """Nothing more will come at all."""
        self.lose(reason)
        for ticket in self.unsent:
            self._lost(ticket, reason)
        self.unsent.clear()

    def answers(self) -> Mapping[str, Answer]:
        """One for each probe, by its key. The same question is asked once."""
        seen = {key: self._answer(self._probes[key], seen) for key, seen in self._seen.items()}
        once = seen | self._errors
        return {
            key: replace(once[keys[0]], key=key) for keys in self._keys.values() for key in keys
        }

    def _ask(self, probe: Probe) -> None:
        try:
            self.unsent.append(Ticket(probe=probe, look=first_look(probe, self._box)))
        except CannotAsk as why:
            self._errors[probe.key] = _failed(probe, str(why))

    def _control_tickets(self) -> list[Ticket]:
        """One for each tool in use."""
        tickets: dict[str, Ticket] = {}
        for ticket in self.unsent:
            reader = ticket.look.command.reader
            if reader not in tickets:
                probe = replace(ticket.probe, address=LOOPBACK, port=DISCARD)
                look = control_look(probe, ticket.look, self._box)
                tickets[reader] = Ticket(probe=probe, look=look, control=reader)
        return list(tickets.values())

    def _lost(self, ticket: Ticket, reason: str) -> None:
        key = ticket.probe.key
        if not ticket.control and key not in self._seen:
            self._errors[key] = _failed(ticket.probe, reason)

    def _answer(self, probe: Probe, seen: _Seen) -> Answer:
        reading, command = seen.reading, seen.look.command
        if reading.outcome is not Outcome.OPEN and not seen.frame.ended:
            reading = error("the source has no /proc/uptime: nothing shows how long it was silent")
        if reading.outcome in SILENT:
            control = self._controls.get(command.reader)
            expected = max(command.limit, float(whole(probe.timeout)))
            if why := starved(probe.timeout, expected, seen.frame, control):
                reading = error(why)
        return Answer(
            key=probe.key,
            outcome=reading.outcome,
            seconds=round(seen.frame.ended - seen.frame.began, 2),
            tool=command.tool,
            detail=reading.detail,
            status=reading.status if probe.kind is ProbeKind.HTTP else 0,
            body=reading.body if probe.kind is ProbeKind.HTTP else "",
            addresses=reading.addresses,
            command=str(command),
        )


def _read(look: Look, frame: Frame) -> Reading:
    if look.command.capture is Capture.TEXT:
        parts = None if frame.exit_code is None else (frame.exit_code, frame.text, b"")
    else:
        parts = bodied(frame.text)
    if parts is None:
        return error("the prober's answer is garbled")
    code, words, body = parts
    seconds = frame.ended - frame.began
    ended = Ended(exit_code=code, words=words, body=body, seconds=seconds)
    return read(look.command, ended, look.probe)


def _longest(look: Look) -> float:
    return max(look.command.limit, float(whole(look.probe.timeout * PATIENCE)))


def _failed(probe: Probe, reason: str) -> Answer:
    return Answer(key=probe.key, outcome=Outcome.ERROR, detail=reason)
