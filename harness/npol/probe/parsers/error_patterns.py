"""
What tools say when the network said no. Pure.

glibc and musl spell the same errors differently; BIND writes them in lower case. A word that
is not here is no evidence of anything.
"""

from __future__ import annotations

import re

from npol.model.expectation import Outcome

_SYSTEM = (
    (r"connection refused", Outcome.REFUSED),
    (r"(no route to host|(host|network) (is )?unreachable)", Outcome.UNREACHABLE),
    (r"(connection|operation) timed out|\btimed out\b|: timeout", Outcome.TIMEOUT),
    (r"connection reset by peer", Outcome.RESET),
)

_DID_NOT_RUN = re.compile(
    r"(invalid|unrecognized|unknown|illegal) option|option \S+: is unknown"
    r"|requires an argument|not found|no such file|permission denied|not permitted"
    r"|segmentation fault|cannot allocate|can't fork|cannot fork|out of memory"
    r"|usage: |bad address|too many open files",
    re.IGNORECASE,
)

DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
"""What word processors make of a hyphen; a tool takes such an option for a host's name."""


def outcome_of(words: str) -> Outcome | None:
    """What a system error in these words says of the network; None: nothing."""
    for pattern, outcome in _SYSTEM:
        if re.search(pattern, words, re.IGNORECASE):
            return outcome
    return None


def killed(exit_code: int, words: str) -> str:
    """Why the tool did not come to its end, from its exit code; "": it did."""
    if exit_code > 128:
        return f"it was ended by signal {exit_code - 128}"
    if exit_code in (126, 127):
        return one_line(words) or "it is not there, or may not be run"
    return ""


def not_there(message: str) -> bool:
    """Whether a container runtime says that it found no such program (runc's, crun's words)."""
    return re.search(r'exec: "[^"]*": |executable file|no such file', message) is not None


def complains(words: str) -> bool:
    """Whether these are words about the tool's own options or means."""
    return _DID_NOT_RUN.search(words) is not None


def looks_like_option(host: str) -> bool:
    """Whether a host name is an option with a typographic dash; IDNA spells it `xn--...`."""
    try:
        plain = host.encode("ascii").decode("idna")
    except UnicodeError:
        plain = host
    return plain[:1] in DASHES


def one_line(words: str, longest: int = 240) -> str:
    """The last line that says something, with everything unprintable escaped."""
    lines = [line.strip() for line in words.split("\n") if line.strip()]
    line = lines[-1] if lines else ""
    shown = line
    if not line.isprintable():
        shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."
