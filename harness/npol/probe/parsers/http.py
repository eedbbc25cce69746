"""
What curl and wget say. Pure.

An HTTP status, or a peer's address in curl's account, means that the connection was open,
whatever happened to the request afterwards.
"""

from __future__ import annotations

import re
from dataclasses import replace

from npol.model.expectation import Outcome
from npol.model.probe import Probe
from npol.probe.command import Ended
from npol.probe.framing import BODY_BYTES
from npol.probe.parsers.error_patterns import looks_like_option, one_line, outcome_of
from npol.probe.parsers.parsed_result import Again, Reading, error

ACCOUNT = "npol %{http_code} %{time_connect} %{remote_ip}"
"""What curl is asked to write at the end (-w), on stderr."""
_ACCOUNT = re.compile(r"^npol (?P<status>\d{3}) (?P<connect>[\d.,]+) (?P<peer>\S*)$", re.MULTILINE)
_HOST = re.compile(r"Could not resolve host: (\S+)")

COULD_NOT_RESOLVE = 6
COULD_NOT_CONNECT = 7
TIMED_OUT = 28
AFTER_CONNECT = frozenset({0, 1, 8, 16, 18, 23, 28, 35, 52, 55, 56, 61, 92})
"""curl's codes for what went wrong behind an open connection: no HTTP, no TLS, no answer."""


def read_curl(ended: Ended, probe: Probe) -> Reading | None:
    account = _ACCOUNT.search(ended.words)
    words = _ACCOUNT.sub("", ended.words).strip()
    status = int(account["status"]) if account else 0
    if status:
        return _answered(status, ended, one_line(words))
    if account and (account["peer"] or _positive(account["connect"])):
        return _no_answer(ended.exit_code, words)
    return _not_connected(ended.exit_code, words)


def _answered(status: int, ended: Ended, detail: str = "") -> Reading:
    cut_off = len(ended.body) >= BODY_BYTES
    if cut_off:
        detail = f"only the first {BODY_BYTES} bytes of the body were read"
    body = ended.body.decode("utf-8", "replace")
    return Reading(
        outcome=Outcome.OPEN, status=status, body=body, body_cut_off=cut_off, detail=detail
    )


def _positive(seconds: str) -> bool:
    return float(seconds.replace(",", ".")) > 0


def _no_answer(code: int, words: str) -> Reading | None:
    """Connected; no HTTP status."""
    if code not in AFTER_CONNECT:
        return None
    if outcome_of(words) is Outcome.RESET:
        return Reading(outcome=Outcome.RESET, detail=one_line(words))
    return Reading(outcome=Outcome.OPEN, detail=f"connected; {one_line(words) or 'no answer'}")


def _not_connected(code: int, words: str) -> Reading | None:
    if code == COULD_NOT_RESOLVE:
        return _unresolved(words)
    if code == TIMED_OUT and re.search("time(d )?-?out", words, re.IGNORECASE):
        names = "Resolving timed out" in words
        outcome = Outcome.DNS_TIMEOUT if names else Outcome.TIMEOUT
        return Reading(outcome=outcome, detail=one_line(words))
    if code == COULD_NOT_CONNECT:
        return _refused(words)
    return None


def _refused(words: str) -> Reading:
    """Older curls say the system's error, newer ones do not."""
    if told := outcome_of(words):
        return Reading(outcome=told, detail=one_line(words))
    detail = f"{one_line(words)} (refused or unreachable: curl does not say which)"
    return Reading(outcome=Outcome.REFUSED, detail=detail, again=Again.WHY)


def _unresolved(words: str) -> Reading | None:
    """An option with a typographic dash is taken for a host: then nothing was asked."""
    host = _HOST.search(words)
    if host is None:
        return None
    if looks_like_option(host[1]):
        return error(f"curl took an option for a host: {one_line(words)}")
    return Reading(outcome=Outcome.DNS_NEGATIVE, detail=one_line(words))


def read_curl_why(ended: Ended, probe: Probe) -> Reading | None:
    """`curl -v` after a 7: the system's own error stands behind these words."""
    for line in ended.words.split("\n"):
        reason = re.search(r" failed: (.*)|Immediate connect fail for [^ ]+: (.*)", line)
        said = outcome_of(reason[0]) if reason else None
        if said:
            return Reading(outcome=said, detail=one_line(line.removeprefix("* ")))
    return None


_STATUS = re.compile(r"^\s*HTTP/[\d.]+ (\d{3})", re.MULTILINE)


def read_wget(ended: Ended, probe: Probe) -> Reading | None:
    """GNU wget -S: its code 4 is every failure, its words tell them apart."""
    status = _STATUS.search(ended.words)
    if status:
        return _answered(int(status[1]), ended)
    last = one_line(_without_end(ended.words))
    if re.search(r"\.\.\. connected\.", ended.words):
        reset = outcome_of(ended.words) is Outcome.RESET
        outcome = Outcome.RESET if reset else Outcome.OPEN
        return Reading(outcome=outcome, detail=f"connected; {last}")
    if "unable to resolve host" in ended.words or "Name or service not known" in ended.words:
        return error("wget cannot tell a DNS that is silent from a name that does not exist")
    failure = outcome_of(ended.words)
    return Reading(outcome=failure, detail=last) if failure and ended.exit_code == 4 else None


def _without_end(words: str) -> str:
    return "\n".join(line for line in words.split("\n") if line.strip() != "Giving up.")


def read_wget_busybox(ended: Ended, probe: Probe) -> Reading | None:
    """
    BusyBox follows redirects, and its `timed out` may be a server that says nothing. What the
    server itself answered stands first, where it tells that.
    """
    told = _STATUS.findall(ended.words)
    if len(told) > 1:
        followed = replace(ended, body=b"")
        return _answered(int(told[0]), followed, "BusyBox wget followed the redirect")
    if told:
        return _answered(int(told[0]), ended)
    if ended.words.count("Connecting to ") > 1:
        detail = "BusyBox wget followed a redirect, and does not tell what it was"
        return Reading(outcome=Outcome.ERROR, detail=detail, again=Again.CONNECT)
    if ended.exit_code == 0:
        detail = "BusyBox wget shows no status: 200, another 2xx, or a redirect followed"
        return _answered(200, ended, detail)
    refusal = re.search(r"server returned error: HTTP/[\d.]+ (\d{3})", ended.words)
    if refusal:
        return Reading(outcome=Outcome.OPEN, status=int(refusal[1]), detail=one_line(ended.words))
    if "can't connect to remote host" in ended.words and (outcome := outcome_of(ended.words)):
        return Reading(outcome=outcome, detail=one_line(ended.words))
    if "download timed out" in ended.words:
        return Reading(
            outcome=Outcome.ERROR,
            detail="BusyBox wget cannot tell a blocked connection from a server that is silent",
            again=Again.CONNECT,
        )
    return None
