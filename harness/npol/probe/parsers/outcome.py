"""
From a tool's exit code and words to an outcome. Pure.

Exit codes alone mislead: curl's 28 is a blocked connection, a blocked look-up or a slow
server, nc's 1 is everything. So words are read too, and what fits no known pattern is an
error, never a denial. The table of signals that this follows was measured tool by tool
(tests/probe/test_parsers.py has its rows).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from npol.model.expectation import Outcome
from npol.model.probe import Probe
from npol.probe.command import Command, Ended
from npol.probe.parsers.dns import read_dig, read_getent, read_message, read_nslookup
from npol.probe.parsers.error_patterns import complains, killed, one_line, outcome_of
from npol.probe.parsers.http import read_curl, read_curl_why, read_wget, read_wget_busybox
from npol.probe.parsers.parsed_result import Again, Reading, error

SIGPIPE = 141
TIMED_OUT = (124, 143)
"""What `timeout` ends with, in coreutils and in BusyBox."""
NEARLY = 0.9
"""The share of its time after which an end without a word means that the time was up."""

Reader = Callable[[Ended, Probe], Reading | None]


def read(command: Command, ended: Ended, probe: Probe) -> Reading:
    """What a command's end says; ERROR where it says nothing of the network."""
    if ended.garbled:
        return error("the prober's answer is garbled")
    if _time_was_up(command, ended):
        late = Outcome.DNS_TIMEOUT if command.reader in _NAMES else Outcome.TIMEOUT
        return Reading(outcome=late, detail=f"no answer within {command.limit:g} s")
    clipped = ended.exit_code == SIGPIPE and ended.body
    if not clipped and (why := killed(ended.exit_code, ended.words)):
        return error(f"{command.tool} did not run: {why}")
    reading = READERS[command.reader](ended, probe)
    if reading is None and complains(ended.words):
        return error(f"{command.tool} did not run: {one_line(ended.words)}")
    if reading is None:
        said = one_line(ended.words) or "nothing"
        return error(f"{command.tool} ended with {ended.exit_code} and said {said!r}")
    return reading


def _time_was_up(command: Command, ended: Ended) -> bool:
    if not command.limit or ended.exit_code not in TIMED_OUT or ended.body:
        return False
    return ended.seconds >= NEARLY * command.limit


def was_ended(ended: Ended) -> bool:
    """Whether a tool shows that SIGTERM ended it: BIND's catch it, and then say nothing."""
    return ended.exit_code == 143 or not (ended.words.strip() or ended.body or ended.garbled)


def silence(command: Command) -> Reading:
    """What is read of a tool that was ended because nothing would come."""
    if command.reader in _NAMES:
        return Reading(outcome=Outcome.DNS_TIMEOUT, detail="ended early", again=Again.SERVER)
    return Reading(outcome=Outcome.TIMEOUT, detail="ended early")


def read_nc(ended: Ended, probe: Probe) -> Reading | None:
    """nc -z -v, whichever nc it is."""
    if ended.exit_code == 0:
        if re.search(r"succeeded!|\bopen\b|Connected to", ended.words):
            return Reading(outcome=Outcome.OPEN, detail=one_line(ended.words))
        return None
    if "getaddrinfo" in ended.words:
        return _unresolved(ended)
    return _by_words(ended)


def _unresolved(ended: Ended) -> Reading | None:
    """`Temporary failure` is a silent DNS as well as one that answers with an error."""
    if "Name or service not known" in ended.words:
        return Reading(outcome=Outcome.DNS_NEGATIVE, detail=one_line(ended.words))
    if "Temporary failure" in ended.words:
        return error("nc cannot tell a DNS that is silent from one that answers with an error")
    return None


def read_silent_success(ended: Ended, probe: Probe) -> Reading | None:
    """Tools that say nothing when the connection is made."""
    if ended.exit_code == 0:
        return None if ended.words.strip() else Reading(outcome=Outcome.OPEN)
    return _by_words(ended)


def read_udp(ended: Ended, probe: Probe) -> Reading | None:
    """An answer or none: exit codes say nothing here, nor do the words of `nc -zu`."""
    if ended.body:
        return Reading(outcome=Outcome.OPEN, detail=f"answered with {len(ended.body)} bytes")
    if found := _by_words(ended):
        return found
    if ended.words.strip() or ended.exit_code not in (0, 1):
        return None
    if ended.seconds >= NEARLY * probe.timeout:
        return Reading(outcome=Outcome.TIMEOUT, detail="no answer")
    return Reading(
        outcome=Outcome.REFUSED,
        detail="ended at once: an ICMP answer, nc does not say which",
        again=Again.WHY,
    )


def read_agnhost(ended: Ended, probe: Probe) -> Reading | None:
    """`/agnhost connect` puts one of five words before the system's error."""
    if ended.exit_code == 0:
        return None if ended.words.strip() else Reading(outcome=Outcome.OPEN)
    word, _, rest = one_line(ended.words).partition(":")
    if word == "DNS":
        negative = "no such host" in rest
        outcome = Outcome.DNS_NEGATIVE if negative else Outcome.DNS_TIMEOUT
        return Reading(outcome=outcome, detail=rest.strip())
    plain = {"TIMEOUT": Outcome.TIMEOUT, "REFUSED": Outcome.REFUSED}.get(word)
    if plain:
        return Reading(outcome=plain, detail=one_line(ended.words))
    return _by_words(ended) if word == "OTHER" else None


def read_ping(ended: Ended, probe: Probe) -> Reading | None:
    if ended.exit_code == 0 and re.search(r"\b1 (packets )?received", ended.words):
        return Reading(outcome=Outcome.OPEN, detail=one_line(ended.words))
    if "nreachable" in ended.words:
        return Reading(outcome=Outcome.UNREACHABLE, detail=one_line(ended.words))
    if ended.exit_code == 1 and "100% packet loss" in ended.words:
        return Reading(outcome=Outcome.TIMEOUT, detail="no reply")
    return None


def _by_words(ended: Ended) -> Reading | None:
    outcome = outcome_of(ended.words)
    return Reading(outcome=outcome, detail=one_line(ended.words)) if outcome else None


READERS: Mapping[str, Reader] = {
    "nc": read_nc,
    "nc -e": read_silent_success,
    "nc -u": read_udp,
    "bash": read_silent_success,
    "agnhost": read_agnhost,
    "curl": read_curl,
    "curl -v": read_curl_why,
    "wget": read_wget,
    "wget busybox": read_wget_busybox,
    "message": read_message,
    "dig": read_dig,
    "nslookup": read_nslookup,
    "getent": read_getent,
    "ping": read_ping,
}
"""Reader name -> what reads it. `message` is a DNS answer as it came over the wire."""

_NAMES = frozenset({"message", "dig", "nslookup", "getent"})
