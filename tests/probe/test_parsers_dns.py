"""DNS: what dig, nslookup and the wire say (BIND 9.18, BusyBox 1.35, measured)."""

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.command import Command, Ended
from npol.probe.parsers.dns import QUESTION_ID, question
from npol.probe.parsers.outcome import read
from npol.probe.parsers.parsed_result import Again

OPEN, REFUSED, UNREACHABLE = Outcome.OPEN, Outcome.REFUSED, Outcome.UNREACHABLE
SILENT, NEGATIVE, ERROR = Outcome.DNS_TIMEOUT, Outcome.DNS_NEGATIVE, Outcome.ERROR


def reading(reader, code, words="", *, body=b"", seconds=0.0, protocol=Protocol.UDP):
    probe = Probe(
        key="k", kind=ProbeKind.DNS, address="10.9.0.2", name="web.test.", protocol=protocol
    )
    ended = Ended(exit_code=code, words=words, body=body, ended=seconds)
    return read(Command(tool=reader, reader=reader, argv=("x",)), ended, probe)


def dig(status, answers=()):
    lines = "\n".join(f"web.test.\t\t5\tIN\t{kind}\t{value}" for kind, value in answers)
    return (
        ";; Got answer:\n"
        f";; ->>HEADER<<- opcode: QUERY, status: {status}, id: 34344\n"
        f";; flags: qr rd ra; QUERY: 1, ANSWER: {len(answers)}, AUTHORITY: 0\n"
        ";; QUESTION SECTION:\n;web.test.\t\t\tIN\tA\n\n"
        f";; ANSWER SECTION:\n{lines}\n\n;; Query time: 4 msec\n"
    )


DIG = [
    ("found", 0, dig("NOERROR", [("CNAME", "a."), ("A", "10.9.0.2"), ("A", "10.9.0.3")]), OPEN),
    ("found-ipv6", 0, dig("NOERROR", [("AAAA", "fd00::1")]), OPEN),
    ("no-address", 0, dig("NOERROR"), NEGATIVE),
    ("no-such-name", 0, dig("NXDOMAIN"), NEGATIVE),
    ("servfail", 0, dig("SERVFAIL"), NEGATIVE),
    (
        "denied",
        9,
        ";; communications error to 10.9.0.9#53: timed out\n;; no servers could be reached",
        SILENT,
    ),
    ("denied-older", 9, ";; connection timed out; no servers could be reached", SILENT),
    (
        "denied-tcp",
        9,
        ";; Connection to 10.9.0.9#53(10.9.0.9) for web.test. failed: timed out.\n"
        ";; no servers could be reached",
        SILENT,
    ),
    (
        "closed",
        9,
        ";; communications error to 10.9.0.2#99: connection refused\n"
        ";; no servers could be reached",
        REFUSED,
    ),
    (
        "prohibited",
        9,
        ";; communications error to 10.9.0.2#84: host unreachable\n;; no servers could be reached",
        UNREACHABLE,
    ),
    ("option", 1, "Invalid option: +nonsense\nUsage: dig [@global-server]", ERROR),
    ("not-there", 127, "sh: dig: not found", ERROR),
]

SERVER = "Server:\t\t10.9.0.2\nAddress:\t10.9.0.2#53\n\n"
BUSYBOX = "Server:\t\t10.9.0.2\nAddress:\t10.9.0.2:53\n\n"
NSLOOKUP = [
    ("found", 0, SERVER + "Non-authoritative answer:\nName:\tweb.test\nAddress: 10.9.0.2\n", OPEN),
    ("found-busybox", 0, BUSYBOX + "Name:\tweb.test\nAddress: 10.9.0.2\n", OPEN),
    (
        "found-busybox-1.28",
        0,
        "Server:    10.9.0.2\nAddress 1: 10.9.0.2 dns\n\n"
        "Name:      web.test\nAddress 1: 10.9.0.2 web",
        OPEN,
    ),
    (
        "no-address",
        0,
        SERVER + "Non-authoritative answer:\n*** Can't find x: No answer\n",
        NEGATIVE,
    ),
    ("no-address-busybox", 0, BUSYBOX + "Non-authoritative answer:\n\n", NEGATIVE),
    ("no-such-name", 1, SERVER + "** server can't find nx.test: NXDOMAIN\n", NEGATIVE),
    ("no-such-name-busybox", 1, BUSYBOX + "** server can't find nx.test.: NXDOMAIN\n", NEGATIVE),
    (
        "servfail",
        1,
        ";; Got SERVFAIL reply from 10.9.0.2\n** server can't find x: SERVFAIL\n",
        NEGATIVE,
    ),
    ("denied-busybox", 1, ";; connection timed out; no servers could be reached\n", SILENT),
    (
        "closed-busybox",
        1,
        "nslookup: read: Connection refused\n"
        ";; connection timed out; no servers could be reached\n",
        REFUSED,
    ),
    ("either-busybox-1.28", 1, "nslookup: can't resolve 'web.test.'", ERROR),
    ("option", 1, "nslookup: unrecognized option: -type\nBusyBox v1.28 Usage: nslookup", ERROR),
]
TABLE = [
    pytest.param(reader, code, words, outcome, id=f"{reader}-{name}")
    for reader, rows in [("dig", DIG), ("nslookup", NSLOOKUP)]
    for name, code, words, outcome in rows
]


@pytest.mark.parametrize(("reader", "code", "words", "outcome"), TABLE)
def test_words_and_exit_code_give_the_outcome(reader, code, words, outcome):
    assert reading(reader, code, words).outcome is outcome


def test_addresses_are_those_of_the_name_and_not_of_the_server():
    found = SERVER + "Name:\tweb.test\nAddress: 10.9.0.7\nName:\tweb.test\nAddress: 10.9.0.8\n"

    assert reading("nslookup", 0, found).addresses == ("10.9.0.7", "10.9.0.8")


def test_an_answer_without_an_address_asks_for_the_other_family():
    assert reading("dig", 0, dig("NOERROR")).again is Again.FAMILY


def test_a_silent_server_leaves_the_next_one_to_ask():
    assert reading("dig", 9, ";; connection timed out; no servers").again is None
    assert reading("dig", 9, ";; timed out\n;; no servers could be reached").again is Again.SERVER


def test_getent_says_what_it_found_and_not_why_it_found_nothing():
    assert reading("getent", 0, "10.9.0.2       web.test\n").addresses == ("10.9.0.2",)
    twice = "10.9.0.2       STREAM web.test\n10.9.0.2       DGRAM  \n"
    assert reading("getent", 0, twice).addresses == ("10.9.0.2",)
    mapped = reading("getent", 0, "::ffff:10.9.0.2 STREAM web.test\n")
    assert (mapped.outcome, mapped.addresses) == (NEGATIVE, ()), "it has no address of this family"
    assert reading("getent", 2).outcome is ERROR


def answer(name="web.test.", *, code="NOERROR", records=(), ident=QUESTION_ID, flags=0):
    query = dns.message.make_query(name, "A", id=ident)
    made = dns.message.make_response(query)
    made.set_rcode(dns.rcode.from_text(code))
    made.flags |= flags
    made.answer += [dns.rrset.from_text(name, 5, "IN", kind, *values) for kind, *values in records]
    return made.to_wire()


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param(answer(records=[("A", "10.9.0.2")]), OPEN, id="found"),
        pytest.param(answer(), NEGATIVE, id="no-address"),
        pytest.param(answer(code="NXDOMAIN"), NEGATIVE, id="no-such-name"),
        pytest.param(answer(code="REFUSED"), NEGATIVE, id="refused-by-the-server"),
        pytest.param(answer(ident=1), ERROR, id="another-question"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", ERROR, id="not-dns"),
        pytest.param(b"\0", ERROR, id="too-short"),
    ],
)
def test_a_message_gives_the_outcome(body, outcome):
    assert reading("message", 0, body=body).outcome is outcome


@pytest.mark.parametrize(
    ("records", "outcome"), [([("A", "10.9.0.2")], OPEN), ([], NEGATIVE)], ids=["some", "none"]
)
def test_an_answer_that_was_cut_off_is_asked_for_over_tcp(records, outcome):
    seen = reading("message", 0, body=answer(records=records, flags=dns.flags.TC))

    assert (seen.outcome, seen.again) == (outcome, Again.WHOLE)


def test_over_tcp_a_message_follows_its_length():
    wire = answer(records=[("A", "10.9.0.2")])
    framed = len(wire).to_bytes(2, "big") + wire

    assert reading("message", 0, body=framed, protocol=Protocol.TCP).addresses == ("10.9.0.2",)


@pytest.mark.parametrize(
    ("words", "seconds", "protocol", "outcome"),
    [
        pytest.param("", 2.0, Protocol.UDP, SILENT, id="udp-silent"),
        pytest.param("", 0.0, Protocol.UDP, REFUSED, id="udp-icmp"),
        pytest.param(
            "nc: ... (tcp) timed out: Operation now in progress",
            2.0,
            Protocol.TCP,
            SILENT,
            id="tcp-denied",
        ),
        pytest.param(
            "nc: ... failed: Connection refused", 0.0, Protocol.TCP, REFUSED, id="tcp-closed"
        ),
        pytest.param("", 0.0, Protocol.TCP, ERROR, id="tcp-nothing-at-once"),
    ],
)
def test_no_message_is_read_by_words_and_time(words, seconds, protocol, outcome):
    seen = reading("message", 1, words, seconds=seconds, protocol=protocol)

    assert seen.outcome is outcome


def test_a_name_that_cannot_exist_is_refused_before_anything_is_asked():
    with pytest.raises(ValueError, match="not a valid DNS name"):
        question("a" * 64 + ".test.", Protocol.UDP)
