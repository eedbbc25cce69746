"""One round of probes at one source, from the questions to the answers. Pure: time passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from npol.model.expectation import Outcome
from npol.model.probe import Answer, Probe, ProbeKind
from npol.probe.attempt import Attempt, new_id
from npol.probe.bulk_connect import BULK_TOOL
from npol.probe.bundle import MANY, bundled, recognisable, unbundled, without_python
from npol.probe.command import Ended
from npol.probe.commands.choose import (
    CannotAsk,
    control_attempt,
    first_attempt,
    second_attempt,
    settle_attempts,
)
from npol.probe.commands.connect import whole
from npol.probe.commands.http import PATIENCE
from npol.probe.commands.source_port import PORTS_TRIED, from_port, port_taken
from npol.probe.cpu_starvation import lateness, starved, waited_too_little
from npol.probe.parsers.outcome import read, silence, was_ended
from npol.probe.parsers.parsed_result import error
from npol.probe.source_ports import SourcePorts
from npol.probe.toolbox import Toolbox

SLACK = 5.0
SILENT = (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)
LOOPBACK, DISCARD = "127.0.0.1", 9
"""Where a control asks: refused or answered at once, and never over a network."""


class Round:
    """Attempts to send, attempts under way, and what they saw."""

    def __init__(
        self,
        probes: Sequence[Probe],
        box: Toolbox,
        ports: SourcePorts | None = None,
        *,
        many: int = MANY,
        slack: float = SLACK,
    ) -> None:
        """
        Args:
            ports: where the probes leave from; None: the kernel chooses.
            many: TCP connections from which on they are bundled.
            slack: seconds beyond a command's own time after which its answer is given up.
        """
        self._box = box
        self._ports = ports
        self._members_marked = recognisable(probes)
        self._slack = slack
        alike: dict[Hashable, list[Probe]] = {}
        for probe in probes:
            alike.setdefault(_question(probe), []).append(probe)
        self._keys = [[probe.key for probe in same] for same in alike.values()]
        self._probes = {same[0].key: same[0] for same in alike.values()}
        self._ended: dict[str, Attempt] = {}
        self._errors: dict[str, Answer] = {}
        self._controls: dict[str, Ended] = {}
        self.unsent: deque[Attempt] = deque()
        self.sent: dict[str, Attempt] = {}
        for probe in self._probes.values():
            self._ask(probe)
        self.unsent = deque(bundled(self.unsent, box, many))
        for control in self._control_attempts():
            self.unsent.insert(len(self.unsent) // 2, control)

    @property
    def done(self) -> bool:
        return not self.unsent and not self.sent

    def send(self, attempt: Attempt, now: float) -> None:
        """The first of `unsent` goes out."""
        self.unsent.remove(attempt)
        longest = float(whole(attempt.probe.timeout * PATIENCE))
        life = max(attempt.command.limit, longest) + self._slack
        attempt.overdue = now + life
        attempt.source_port = self._source_port(attempt, now, life)
        if self._ports and self._members_marked and attempt.command.tool == BULK_TOOL:
            for member in attempt.members:
                member.source_port = self._ports.take(now, life)
        self.sent[attempt.id] = attempt

    def overdue(self, now: float) -> bool:
        """Whether an answer should have come long ago."""
        return any(now > attempt.overdue for attempt in self.sent.values())

    def end(self, ended: Ended) -> None:
        """An answer came."""
        attempt = self.sent.pop(ended.id)
        if attempt.control:
            self._controls[attempt.control] = ended
            return
        if again := without_python(attempt, ended):
            self.unsent.extend(again)
            return
        if not attempt.members:
            self._take(attempt, ended)
        for member, its_end in unbundled(attempt, ended):
            if its_end:
                self._take(member, its_end)
            else:
                self._errors[member.probe.key] = _never_started(member.probe)

    def alive(self, now: float) -> None:
        """The prober is at work: what is under way has time again."""
        for attempt in self.sent.values():
            attempt.overdue = max(attempt.overdue, now + self._slack)

    def _take(self, attempt: Attempt, ended: Ended) -> None:
        if attempt.source_port is not None and port_taken(attempt.command, ended):
            self.unsent.appendleft(_from_another_port(attempt))
            return
        attempt.ended = ended
        attempt.reading = reading = read(attempt.command, ended, attempt.probe)
        if attempt.end_asked and reading.outcome is Outcome.ERROR and was_ended(ended):
            attempt.ended_early = True
            attempt.reading = reading = silence(attempt.command)
        further = second_attempt(attempt, reading, self._box) if reading.again else None
        if further and not attempt.earlier:
            further.earlier = attempt
            self.unsent.append(further)
        self._ended[attempt.probe.key] = _standing(attempt)

    def lose(self, reason: str) -> None:
        """Nothing more will come of what is under way."""
        for attempt in self.sent.values():
            self._lost(attempt, reason)
        self.sent.clear()

    def give_up(self, reason: str) -> None:
        """Nothing more will come at all."""
        self.lose(reason)
        for attempt in self.unsent:
            self._lost(attempt, reason)
        self.unsent.clear()

    def answers(self) -> Mapping[str, Answer]:
        """One for each probe, by its key. The same question is asked once."""
        ended = {key: self._answer(self._probes[key], a) for key, a in self._ended.items()}
        once = ended | self._errors
        return {
            key: once[first] if key == first else replace(once[first], key=key)
            for first, *more in self._keys
            for key in (first, *more)
        }

    def _ask(self, probe: Probe) -> None:
        try:
            self.unsent.append(first_attempt(probe, self._box))
        except CannotAsk as why:
            self._errors[probe.key] = _failed(probe, str(why))

    def _source_port(self, attempt: Attempt, now: float, life: float) -> int | None:
        """A control crosses no network, where nobody could recognise it."""
        chosen = attempt.control or attempt.members or attempt.ports_taken >= PORTS_TRIED
        if self._ports is None or chosen or from_port(attempt.command, 0) is None:
            return None
        return self._ports.take(now, life)

    def _control_attempts(self) -> list[Attempt]:
        """One for each tool in use."""
        controls: dict[str, Attempt] = {}
        for attempt in self.unsent:
            reader = attempt.command.reader
            if reader not in controls:
                probe = replace(attempt.probe, address=LOOPBACK, port=DISCARD)
                controls[reader] = control_attempt(probe, attempt, self._box)
                controls[reader].control = reader
        return list(controls.values())

    def _lost(self, attempt: Attempt, reason: str) -> None:
        for member in attempt.members:
            self._lost(member, reason)
        key = attempt.probe.key
        if attempt.members:
            return
        if not attempt.control and key not in self._ended:
            self._errors[key] = _failed(attempt.probe, reason)

    def _answer(self, probe: Probe, attempt: Attempt) -> Answer:
        reading, command, ended = attempt.reading, attempt.command, attempt.ended
        assert reading  # only attempts that have ended are kept
        assert ended
        if reading.outcome is not Outcome.OPEN and not ended.ended and not attempt.ended_early:
            reading = error("the source has no /proc/uptime: nothing shows how long it was silent")
        why = ""
        if reading.outcome in SILENT and not attempt.ended_early:
            why = self._starved(attempt, ended)
            reading = error(why) if why else reading
        return Answer(
            key=probe.key,
            outcome=reading.outcome,
            starved=bool(why),
            late=self._late(attempt, ended),
            seconds=round(ended.seconds, 2),
            tool=command.tool,
            detail=reading.detail,
            status=reading.status if probe.kind is ProbeKind.HTTP else 0,
            body=reading.body if probe.kind is ProbeKind.HTTP else "",
            body_cut_off=reading.body_cut_off,
            addresses=reading.addresses,
            command=str(command),
            source_port=attempt.source_port,
            ended_early=attempt.ended_early,
        )

    def _starved(self, attempt: Attempt, ended: Ended) -> str:
        """Why a silence is no evidence; "" when it is."""
        timeout = attempt.probe.timeout
        control = self._controls.get(attempt.command.reader)
        if attempt.bundled:
            return waited_too_little(timeout, ended, control)
        expected = max(attempt.command.limit, float(whole(timeout)))
        return starved(timeout, expected, ended, control)

    def _late(self, attempt: Attempt, ended: Ended) -> float:
        """None where one process waits for all: the kernel keeps what it has not looked at yet."""
        if attempt.command.tool == BULK_TOOL:
            return 0.0
        timeout, control = attempt.probe.timeout, self._controls.get(attempt.command.reader)
        patience = PATIENCE if attempt.probe.kind is ProbeKind.HTTP else 1.0
        expected = attempt.command.limit or max(float(whole(timeout)), patience * timeout)
        return lateness(expected, ended, control)


def _question(probe: Probe) -> Hashable:
    """What is asked, without what for: the same question is asked once."""
    where = probe.kind, probe.address, probe.port, probe.protocol, probe.timeout
    web = probe.path, probe.tls, probe.server_name
    return where, probe.name, probe.family, web, probe.payload


def _from_another_port(attempt: Attempt) -> Attempt:
    return replace(
        attempt, id=new_id(), source_port=None, ports_taken=attempt.ports_taken + 1, overdue=0.0
    )


def _standing(attempt: Attempt) -> Attempt:
    """Which of two attempts the answer is made of."""
    earlier = attempt.earlier
    if earlier is None or earlier.reading is None or attempt.reading is None:
        return attempt
    stands = settle_attempts(earlier.reading, attempt.reading)
    return earlier if stands is earlier.reading else attempt


def _never_started(probe: Probe) -> Answer:
    detail = "the source is starved: the connection was not started"
    return Answer(key=probe.key, outcome=Outcome.ERROR, detail=detail, starved=True)


def _failed(probe: Probe, reason: str) -> Answer:
    return Answer(key=probe.key, outcome=Outcome.ERROR, detail=reason)
