"""
What DNS tools say, and what DNS answers hold. Pure.

Any answer proves that the server was reached. SERVFAIL and the like are answers too; they
count as negative, and the detail names them.
"""

from __future__ import annotations

import re
from dataclasses import replace

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from npol.model.expectation import Outcome
from npol.model.probe import Probe
from npol.model.story import Protocol
from npol.probe.command import Ended
from npol.probe.parsers.error_patterns import one_line, outcome_of
from npol.probe.parsers.parsed_result import Again, Reading, error

NEARLY = 0.9
QUESTION_ID = 0x6E70
"""One fixed id: every question has a socket, and so a port, of its own."""


def question(name: str, protocol: Protocol, *, ipv6: bool = False) -> bytes:
    """
    A DNS query as it goes over the wire.

    Raises:
        ValueError: no such name can exist.
    """
    try:
        query = dns.message.make_query(name, "AAAA" if ipv6 else "A", id=QUESTION_ID)
    except dns.exception.DNSException as mistake:
        raise ValueError(f"not a valid DNS name: {name!r}: {mistake}") from mistake
    wire = query.to_wire()
    return len(wire).to_bytes(2, "big") + wire if protocol is Protocol.TCP else wire


def read_message(ended: Ended, probe: Probe) -> Reading | None:
    """The bytes that came back over a connection to the server, or none."""
    if not ended.body:
        return _silence(ended, probe)
    wire = ended.body[2:] if probe.protocol is Protocol.TCP else ended.body
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError, IndexError):
        return error("what answered does not speak DNS")
    if message.id != QUESTION_ID or not message.question:
        return error("the DNS answer belongs to another question")
    found = [rr for rr in message.answer if rr.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)]
    read = _answered(
        dns.rcode.to_text(message.rcode()), tuple(str(item) for rr in found for item in rr)
    )
    return _cut_off(read) if message.flags & dns.flags.TC else read


def _cut_off(read: Reading) -> Reading:
    """More addresses than a datagram holds, so that some lack, or all: resolvers ask over TCP."""
    detail = read.detail if read.addresses else "the answer is too long for a datagram"
    return replace(read, detail=detail, again=Again.WHOLE)


def _silence(ended: Ended, probe: Probe) -> Reading | None:
    if outcome := outcome_of(ended.words):
        timeout = outcome is Outcome.TIMEOUT
        return Reading(
            outcome=Outcome.DNS_TIMEOUT if timeout else outcome,
            detail=one_line(ended.words),
            again=Again.SERVER if timeout else None,
        )
    if ended.words.strip() or ended.exit_code not in (0, 1):
        return None
    if ended.seconds >= NEARLY * probe.timeout:
        return Reading(outcome=Outcome.DNS_TIMEOUT, detail="no answer", again=Again.SERVER)
    if probe.protocol is Protocol.TCP:
        return None
    return Reading(outcome=Outcome.REFUSED, detail="ended at once: an ICMP answer", again=Again.WHY)


def _answered(code: str, addresses: tuple[str, ...]) -> Reading:
    if code != "NOERROR":
        return Reading(outcome=Outcome.DNS_NEGATIVE, detail=code)
    if not addresses:
        detail = "the name has no address of this family"
        return Reading(outcome=Outcome.DNS_NEGATIVE, detail=detail, again=Again.FAMILY)
    return Reading(outcome=Outcome.OPEN, addresses=addresses)


def read_dig(ended: Ended, probe: Probe) -> Reading | None:
    """dig ends with 0 for any answer and with 9 for none."""
    if status := re.search(r"HEADER<<- opcode: QUERY, status: (\w+)", ended.words):
        addresses = re.findall(r"^\S+\s+\d+\s+IN\s+A{1,4}\s+(\S+)$", ended.words, re.MULTILINE)
        return _answered(status[1], tuple(addresses))
    return _unanswered(ended)


def read_nslookup(ended: Ended, probe: Probe) -> Reading | None:
    """BIND's and BusyBox's: both end with 1 for a negative answer and for none."""
    if negative := re.search(r"server can't find \S+: (\w+)", ended.words):
        return _answered(negative[1], ())
    if "can't resolve" in ended.words:
        return error("this nslookup cannot tell a silent DNS from a name that does not exist")
    if ended.exit_code == 0 and re.search(r"No answer|answer:|^Name:", ended.words, re.MULTILINE):
        _, _, answer = ended.words.partition("Name:")
        found = re.findall(r"^Address(?: \d+)?:\s*(\S+)", answer, re.MULTILINE)
        return _answered("NOERROR", tuple(found))
    return _unanswered(ended)


def _unanswered(ended: Ended) -> Reading | None:
    if "no servers could be reached" not in ended.words:
        return None
    outcome = outcome_of(ended.words)
    if outcome in (Outcome.REFUSED, Outcome.UNREACHABLE):
        said = [line for line in ended.words.split("\n") if outcome_of(line) is outcome]
        return Reading(outcome=outcome, detail=one_line(said[0]))
    return Reading(outcome=Outcome.DNS_TIMEOUT, detail="no DNS server answered", again=Again.SERVER)


def read_getent(ended: Ended, probe: Probe) -> Reading | None:
    """The C library's own look-up: it says what it found, not why it found nothing."""
    found = dict.fromkeys(re.findall(r"^([0-9a-fA-F.:]+)\s", ended.words, re.MULTILINE))
    addresses = tuple(address for address in found if not address.startswith("::ffff:"))
    if ended.exit_code == 0 and found:
        return _answered("NOERROR", addresses)
    if ended.exit_code == 2:
        return error("getent cannot tell a silent DNS from a name that does not exist")
    return None
