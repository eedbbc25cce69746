"""
Many TCP connections by one command, for sources that have much to ask. Pure.

A process for each of them costs 2 ms of the CPU with nc, 0.8 ms as a fork of one bash, and 0.1 ms
where Python makes them all: a hundred sources with a hundred closed flows each would be starved by
asking one by one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.attempt import Attempt
from npol.probe.bulk_connect import BULK_TOOL, parse_bulk
from npol.probe.command import Command, Ended
from npol.probe.commands.connect import connect_commands
from npol.probe.toolbox import Toolbox

MANY, MANY_FOR_THE_STARVED, MANY_BY_PYTHON = 64, 4, 6
"""
Connections in a round from which on they are bundled. Fewer leave one by one, unless the source has
starved: each can be ended as soon as a record tells that its packets were dropped. Where nobody
hears records one Python for six of them is the cheaper way (11 ms of the CPU for nine, nc 24).
"""
SIZE, BULK_SIZE = 20, 200
"""What the lines of a bundle have room for in one answer, at worst; by bash, and by Python."""
TIME_WAS_UP = 124
"""The exit code of `timeout`, for a connection that the bundle ended."""
_LINE = re.compile(r"(?P<what>[+=])(?P<number>\d+)(?: (?P<code>\d+))? (?P<at>\d+\.\d+)")
_END = re.compile(r"! (?P<at>\d+\.\d+)")


def recognisable(probes: Iterable[Probe]) -> bool:
    """Whether what one source asks in a round leaves from ports that are known."""
    return sum(map(_is_connection, probes)) < MANY


def bundled(attempts: Sequence[Attempt], box: Toolbox, many: int = MANY) -> list[Attempt]:
    """The same attempts, TCP connections in bundles where there are many of them."""
    fit = [a for a in attempts if _is_connection(a.probe)]
    if len(fit) < many or not (box.has("bash") and box.has("timeout")):
        return list(attempts)
    bulk = box.has("python3")
    by_limit: dict[float, list[Attempt]] = {}
    for attempt in fit:
        member = _by_bash(attempt, box)
        by_limit.setdefault(member.command.limit, []).append(member)
    bundles = [b for members in by_limit.values() for b in _bundles(members, bulk=bulk)]
    return [a for a in attempts if not _is_connection(a.probe)] + bundles


def without_python(bundle: Attempt, ended: Ended) -> list[Attempt]:
    """The same by bash, where Python did not get to its end: images have some that lack modules."""
    if bundle.command.tool != BULK_TOOL or ended.exit_code == 0:
        return []
    return _bundles(bundle.members, bulk=False)


def unbundled(bundle: Attempt, ended: Ended) -> Iterator[tuple[Attempt, Ended | None]]:
    """What became of each member; None: it was never started, or nothing is known of it."""
    lines = (_of_bulk if bundle.command.tool == BULK_TOOL else _Lines.of)(ended.words)
    for number, member in enumerate(bundle.members):
        began, end = lines.began.get(number), lines.ended.get(number)
        if began is None or lines.closed is None:
            yield member, None
            continue
        if number in lines.unbound:
            member = replace(member, source_port=None)
        code, at = end or (TIME_WAS_UP, lines.closed)
        place = f"/dev/tcp/{member.probe.address}/{member.probe.port}: "
        words = next((line for line in lines.words if place in line), lines.by_code.get(code, ""))
        yield member, replace(ended, exit_code=code, began=began, ended=at, words=words)


@dataclass(slots=True)
class _Lines:
    """What the `many` of prober.sh wrote, by the number of the connection."""

    began: dict[int, float] = field(default_factory=dict)
    ended: dict[int, tuple[int, float]] = field(default_factory=dict)
    closed: float | None = None
    """When the bundle was given up or complete."""
    words: list[str] = field(default_factory=list)
    unbound: Collection[int] = ()
    """What left from another source port than the chosen one."""
    by_code: Mapping[int, str] = field(default_factory=dict)
    """What the system says of an exit code, where it does not say so line by line."""

    @classmethod
    def of(cls, text: str) -> _Lines:
        lines = cls()
        for line in text.split("\n"):
            if end := _END.fullmatch(line):
                lines.closed = float(end["at"])
            elif (found := _LINE.fullmatch(line)) and found["what"] == "+":
                lines.began[int(found["number"])] = float(found["at"])
            elif found and found["code"]:
                lines.ended[int(found["number"])] = int(found["code"]), float(found["at"])
            else:
                lines.words.append(line)
        return lines


def _of_bulk(text: str) -> _Lines:
    said = parse_bulk(text)
    words = {code: text for code, text in said.words.items() if code}
    return _Lines(
        began=said.began,
        ended=said.ended,
        closed=said.closed,
        unbound=said.unbound,
        by_code=words,
    )


def _is_connection(probe: Probe) -> bool:
    return probe.kind is ProbeKind.CONNECT and probe.protocol is Protocol.TCP


def _by_bash(attempt: Attempt, box: Toolbox) -> Attempt:
    """The same question, for bash's own sockets."""
    command = next(c for c in connect_commands(attempt.probe, box) if c.tool == "bash")
    return replace(attempt, command=command, others=iter(()), bundled=True)


def _bundles(members: Sequence[Attempt], *, bulk: bool) -> list[Attempt]:
    size = BULK_SIZE if bulk else SIZE
    starts = range(0, len(members), size)
    return [_bundle(members[start : start + size], bulk=bulk) for start in starts]


def _bundle(members: Sequence[Attempt], *, bulk: bool) -> Attempt:
    first = members[0]
    command = Command(
        tool=BULK_TOOL if bulk else "bash",
        reader=first.command.reader,
        argv=(),
        many=True,
        limit=first.command.limit,
    )
    named = [
        replace(m, command=replace(m.command, tool=command.tool), source_port=None) for m in members
    ]
    return Attempt(probe=first.probe, command=command, members=tuple(named))
