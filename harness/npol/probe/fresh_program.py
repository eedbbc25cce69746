"""
The program that asks, or answers, from a pod's first instant on: an exec would start too late.

It is the command of a fresh debug pod, whose log it writes; as `wait` it runs in an exec of the
source that is to ask a fresh target, and is told over stdin where that is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from npol.model.fresh_try import FreshLog, LoggedTry
from npol.probe.bulk_connect import BULK_TOOL

LOG = "/tmp/npol-fresh"
"""Where a fresh pod keeps what its program has written."""
EVERY = 0.02
"""Seconds from one try of all addresses to the next."""
SILENT_AFTER = 0.9
"""Seconds; before a second SYN is sent, so that a try tells of one instant."""
LIMIT = 120.0
"""Seconds after which a fresh pod asks no more."""
COMMAND = (
    'trap "exit 0" TERM INT; d=$0; '
    f'{{ {BULK_TOOL} -I -S -c "$@"; }} 2>&1 | tee {LOG} & sleep "$d" & wait'
)
"""A debug pod's, around the program: it ends at once when told to, and by itself in the end."""
BOOT = "import base64,sys;exec(base64.b64decode(sys.stdin.buffer.readline()))"
"""Reads the program from stdin: in the command line it would make the exec's URL too long."""
PROGRAM = """
import errno, select, sys, time
from _socket import *
from posix import getppid
now = time.time
def born():
    with open("/proc/%d/stat" % getppid()) as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return now() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / 100
def say(*words):
    print(*words, flush=True)
def family(address):
    return AF_INET6 if ":" in address else AF_INET
def tell(number, index, at, code):
    say(number, index, "%.4f" % at, "%.4f" % now(), code)
def ask(limit, every, silent, ends, stdin):
    poll, waiting, number, began = select.poll(), {}, 0, now()
    if stdin:
        poll.register(0, select.POLLIN)
    until = began + limit
    next_at = began
    while waiting or now() < until:
        if next_at <= now() < until:
            number += 1
            next_at = max(next_at + every, now())
            for index, end in enumerate(ends):
                one = socket(family(end[0]), SOCK_STREAM)
                one.setblocking(False)
                at = now()
                code = one.connect_ex(end)
                if code == errno.EINPROGRESS:
                    waiting[one.fileno()] = number, index, at, one
                    poll.register(one.fileno(), select.POLLOUT)
                else:
                    tell(number, index, at, code)
                    one.close()
        for file, (number_, index, at, one) in list(waiting.items()):
            if now() - at >= silent:
                poll.unregister(file)
                tell(number_, index, at, "-")
                waiting.pop(file)
                one.close()
        for file, _ in poll.poll(max(0, min(1000 * (next_at - now()), 5))):
            if file == 0:
                poll.unregister(0)
                until = 0
                continue
            number_, index, at, one = waiting.pop(file)
            poll.unregister(file)
            tell(number_, index, at, one.getsockopt(SOL_SOCKET, SO_ERROR))
            one.close()
def serve(ports):
    poll, open_ = select.poll(), {}
    for port in ports:
        for family, any_ in ((AF_INET, "0.0.0.0"), (AF_INET6, "::")):
            try:
                one = socket(family, SOCK_STREAM)
                one.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
                if family == AF_INET6:
                    one.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
                one.bind((any_, port))
                one.listen(128)
                one.setblocking(False)
                poll.register(one.fileno(), select.POLLIN)
                open_[one.fileno()] = one
            except OSError as error:
                if family == AF_INET:
                    raise
    say("!", "%.4f" % now())
    while True:
        for file, _ in poll.poll():
            try:
                socket(fileno=open_[file]._accept()[0]).close()
            except BlockingIOError:
                pass
mode, words = sys.argv[1], sys.argv[2:]
if mode == "serve":
    say("~", "%.4f" % born())
    serve([int(word) for word in words])
limit, every, silent = [float(word) for word in words[:3]]
if mode == "wait":
    say("?")
    words = words[:3] + sys.stdin.buffer.readline().decode().split()
say("~", "%.4f" % (now() if mode == "wait" else born()))
ends = [(address, int(port)) for address, port in zip(words[3::2], words[4::2])]
ask(limit, every, silent, ends, mode == "wait")
"""
"""
`~ START` says when the pod's program began, `! AT` since when it answers; `NUMBER INDEX BEGAN ENDED
CODE` is one try at one address: an error of the system, 0 where it was answered, `-` for silence.
Times are seconds since 1970. `?` asks for the addresses.

No quotes but double ones and no backslash: a shell takes it as it is.
"""
_LINE = re.compile(r"(\d+) (\d+) (\d+\.\d+) (\d+\.\d+) (\d+|-)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshProgram:
    """What a fresh pod does: it asks `ends` from its first instant on, or answers on `ports`."""

    ends: tuple[tuple[str, int], ...] = ()
    ports: tuple[int, ...] = ()

    @property
    def arguments(self) -> list[str]:
        if self.ports:
            return [PROGRAM.strip(), "serve", *map(str, self.ports)]
        return [PROGRAM.strip(), "ask", *_settings(), *_words(self.ends)]

    @property
    def privileged(self) -> bool:
        """Whether it listens where an ordinary user may not, by default."""
        return any(port < 1024 for port in self.ports)


def wait_command() -> list[str]:
    """The exec in which a source waits to be told what to ask."""
    return [BULK_TOOL, "-I", "-S", "-c", BOOT, "wait", *_settings()]


def wait_input() -> bytes:
    """The first line for it: the program."""
    return base64.b64encode(PROGRAM.encode()) + b"\n"


def ends_input(ends: Sequence[tuple[str, int]]) -> bytes:
    """The second one: what to ask. A third one, whatever it says, ends it."""
    return f"{' '.join(_words(ends))}\n".encode()


def _settings() -> list[str]:
    return [f"{LIMIT:g}", f"{EVERY:g}", f"{SILENT_AFTER:g}"]


def _words(ends: Sequence[tuple[str, int]]) -> list[str]:
    return [word for address, port in ends for word in (address, str(port))]


def parse_fresh_log(text: str) -> FreshLog:
    """Lines that are torn, or not the program's, are no tries."""
    started, answers = None, None
    tries, others = [], []
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            number, index, began, ended, code = match.groups()
            tries.append(
                LoggedTry(
                    number=int(number),
                    index=int(index),
                    began=float(began),
                    ended=float(ended),
                    code=None if code == "-" else int(code),
                )
            )
        elif line.startswith("~ "):
            started = float(line[2:])
        elif line.startswith("! "):
            answers = float(line[2:])
        elif line != "?":
            others.append(line.strip())
    words = " ".join(filter(None, others))
    return FreshLog(started=started, answers=answers, tries=tuple(tries), words=words)
