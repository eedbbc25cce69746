"""
The program that makes many TCP connections at once in a source that has Python. Pure.

One process for all of them: 100 cost 0.03 s of the CPU, and 0.5 s as forks of one bash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

BULK_TOOL = "python3"
PROGRAM = """
import errno, select, sys, time
from _signal import *
from _socket import *
def now():
    return round(100 * time.clock_gettime(time.CLOCK_BOOTTIME))
start, limit, words = now(), round(100 * float(sys.argv[1])), {}
ends = list(zip(sys.argv[2::3], sys.argv[3::3], sys.argv[4::3]))
began, ended, waiting, poll = [], {}, {}, select.poll()
signal(SIGTERM, default_int_handler)
def end(number, code):
    ended[number] = "%d %d" % (now() - start, code)
    words[code] = code
def look(wait):
    news = poll.poll(wait)
    for file, _ in news:
        number, one = waiting[file]
        poll.unregister(file)
        end(number, one.getsockopt(SOL_SOCKET, SO_ERROR))
    return news
for number, (address, port, source) in enumerate(ends):
    one = socket(AF_INET6 if ":" in address else AF_INET, SOCK_STREAM)
    one.setblocking(False)
    try:
        one.bind(("::" if ":" in address else "0.0.0.0", int(source)))
    except OSError:
        print("-%d" % number)
    began.append(now() - start)
    code = one.connect_ex((address, int(port)))
    waiting[one.fileno()] = number, one
    if code in (0, errno.EINPROGRESS):
        poll.register(one.fileno(), select.POLLOUT)
    else:
        end(number, code)
until = now() + limit
left = limit
try:
    while len(ended) < len(ends):
        if not look(10 * left) and not left:
            break
        left = max(0, until - now())
    signal(SIGTERM, SIG_IGN)
except KeyboardInterrupt:
    look(0)
from posix import strerror
for code in words:
    print("?%d %s" % (code, strerror(code)))
print("~", start / 100)
for number, at in enumerate(began):
    print(number, at, ended.get(number, ""))
print("!", now() - start)
"""
"""
Its arguments: seconds, then address, port and source port of each, 0 where the kernel chooses.
Times are hundredths of a second from the source's uptime behind `~`. `NUMBER BEGAN ENDED CODE` is
one of them, without the end what stayed silent; `-NUMBER` could not have its source port, so the
kernel chose one; `?CODE WORDS` is what the system calls a code; `!` is the end of all. SIGTERM ends
the wait.

No quotes but double ones and no backslash: the shell that holds it takes it as it is.
"""
_LINE = re.compile(r"(\d+) (\d+)(?: (\d+) (\d+))? ?")


@dataclass(slots=True)
class BulkResult:
    """What the program wrote, by the number of the connection. Times are the source's uptime."""

    began: dict[int, float] = field(default_factory=dict)
    ended: dict[int, tuple[int, float]] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    """By code."""
    unbound: set[int] = field(default_factory=set)
    """Those that could not have the source port that was chosen for them."""
    closed: float | None = None
    """When the program had done all; None: it broke off."""


def parse_bulk(text: str) -> BulkResult:
    result, start = BulkResult(), 0.0
    for line in text.split("\n"):
        match line[:1], line[1:].partition(" "):
            case "?", (code, _, words) if code.isdigit():
                result.words[int(code)] = words
            case "-", (number, _, _) if number.isdigit():
                result.unbound.add(int(number))
            case "~", (_, _, at):
                start = float(at)
            case "!", (_, _, after):
                result.closed = start + int(after) / 100
            case _ if found := _LINE.fullmatch(line):
                number, began, ended, code = found.groups()
                result.began[int(number)] = start + int(began) / 100
                if ended:
                    result.ended[int(number)] = int(code), start + int(ended) / 100
    return result
