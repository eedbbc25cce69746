"""The table of signals, row by row: what each tool says in each situation, as it was measured."""

import pytest

from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.command import Capture, Command, Ended
from npol.probe.parsers.outcome import READERS, read
from npol.probe.parsers.parsed_result import Again

OPEN, TIMEOUT, REFUSED = Outcome.OPEN, Outcome.TIMEOUT, Outcome.REFUSED
UNREACHABLE, RESET, ERROR = Outcome.UNREACHABLE, Outcome.RESET, Outcome.ERROR
DNS_TIMEOUT, DNS_NEGATIVE = Outcome.DNS_TIMEOUT, Outcome.DNS_NEGATIVE

CURL_SILENT = "\nnpol 000 0.000000 \n"
CURL_CONNECTED = "\nnpol 000 0.000349 10.9.0.2\n"


def reading(reader, code, words="", *, body=b"", seconds=0.0, limit=0.0, protocol=Protocol.TCP):
    kind = ProbeKind.DNS if reader in ("message", "dig", "nslookup") else ProbeKind.CONNECT
    probe = Probe(key="k", kind=kind, address="10.9.0.2", port=80, name="x.", protocol=protocol)
    command = Command(
        tool=reader.split()[0], reader=reader, argv=("x",), capture=Capture.TEXT, limit=limit
    )
    ended = Ended(exit_code=code, words=words, body=body, ended=seconds)
    return read(command, ended, probe)


NC = [
    ("open", 0, "Connection to 10.9.0.2 80 port [tcp/*] succeeded!", OPEN),
    ("open-busybox-1.10", 0, "10.9.0.2 (10.9.0.2:80) open", OPEN),
    ("open-traditional", 0, "(UNKNOWN) [10.9.0.2] 80 (http) open", OPEN),
    ("open-ncat", 0, "Ncat: Version 7.93\nNcat: Connected to 10.9.0.2:80.", OPEN),
    ("says-nothing", 0, "", ERROR),
    ("refused", 1, "nc: connect to 10.9.0.2 port 81 (tcp) failed: Connection refused", REFUSED),
    ("refused-ncat", 1, "Ncat: Connection refused.", REFUSED),
    (
        "prohibited",
        1,
        "nc: connect to 10.9.0.2 port 84 (tcp) failed: No route to host",
        UNREACHABLE,
    ),
    (
        "no-route",
        1,
        "nc: connect to 1.1.1.1 port 80 (tcp) failed: Network is unreachable",
        UNREACHABLE,
    ),
    ("no-route-musl", 1, "nc: 1.1.1.1 (1.1.1.1:80): Host is unreachable", UNREACHABLE),
    (
        "denied",
        1,
        "nc: connect to 10.9.0.2 port 81 (tcp) timed out: Operation now in progress",
        TIMEOUT,
    ),
    ("denied-musl", 1, "nc: 10.9.0.2 (10.9.0.2:81): Operation timed out", TIMEOUT),
    ("denied-ncat", 1, "Ncat: TIMEOUT.\nNcat: Connection timed out.", TIMEOUT),
    (
        "no-such-name-or-dns-denied",
        1,
        'nc: getaddrinfo for host "nx" port 80: Temporary failure in name resolution',
        ERROR,
    ),
    (
        "no-such-name",
        1,
        'nc: getaddrinfo for host "nx" port 80: Name or service not known',
        DNS_NEGATIVE,
    ),
    ("wrong-option", 1, "nc: invalid option -- 'q'\nusage: nc [-46CDdFhklNnrStUuvZz]", ERROR),
    ("not-there", 127, "sh: nc: not found", ERROR),
    ("killed", 137, "", ERROR),
    ("killed-with-words", 137, "timed out", ERROR),
    ("crashed", 139, "Segmentation fault", ERROR),
    ("nonsense", 1, "the moon is full", ERROR),
]

BUSYBOX_NC = [
    ("open", 0, "", OPEN),
    ("odd-success", 0, "something", ERROR),
    ("refused", 1, "nc: can't connect to remote host (10.9.0.2): Connection refused", REFUSED),
    (
        "no-route",
        1,
        "nc: can't connect to remote host (1.1.1.1): Network is unreachable",
        UNREACHABLE,
    ),
    ("denied", 1, "nc: timed out", TIMEOUT),
    ("name", 1, "nc: bad address 'nx'", ERROR),
    ("wrong-option", 1, "nc: invalid option -- 'z'\nBusyBox v1.35.0 ... Usage: nc [-iN]", ERROR),
]

BASH = [
    ("open", 0, "", OPEN),
    (
        "refused",
        1,
        "x: connect: Connection refused\nx: line 1: /dev/tcp/x/81: Connection refused",
        REFUSED,
    ),
    (
        "no-route",
        1,
        "x: connect: No route to host\nx: line 1: /dev/tcp/x/84: No route to host",
        UNREACHABLE,
    ),
    ("timed-out-itself", 1, "bash: connect: Connection timed out", TIMEOUT),
    ("not-compiled-in", 1, "bash: /dev/tcp/10.9.0.2/80: No such file or directory", ERROR),
]

AGNHOST = [
    ("open", 0, "", OPEN),
    ("refused", 1, "REFUSED", REFUSED),
    ("denied", 1, "TIMEOUT", TIMEOUT),
    ("no-route", 1, "OTHER: dial tcp 1.1.1.1:80: connect: network is unreachable", UNREACHABLE),
    ("no-such-name", 1, "DNS: lookup nx on 10.96.0.10:53: no such host", DNS_NEGATIVE),
    ("dns-denied", 1, "DNS: lookup x on 10.96.0.10:53: read udp ...: i/o timeout", DNS_TIMEOUT),
    ("unknown", 1, "UNKNOWN: something", ERROR),
    ("wrong-option", 1, "Error: unknown flag: --x", ERROR),
]

CURL = [
    (
        "denied",
        28,
        "curl: (28) Connection timed out after 2001 milliseconds" + CURL_SILENT,
        TIMEOUT,
    ),
    (
        "denied-newer",
        28,
        "curl: (28) Failed to connect to 10.9.0.2 port 81 after 2000 ms: Timeout was reached"
        + CURL_SILENT,
        TIMEOUT,
    ),
    ("denied-kubectl", 28, "curl: (28) Connection timed out after 2001 milliseconds", TIMEOUT),
    (
        "dns-denied",
        28,
        "curl: (28) Resolving timed out after 2000 milliseconds" + CURL_SILENT,
        DNS_TIMEOUT,
    ),
    ("no-such-name", 6, "curl: (6) Could not resolve host: nx.test." + CURL_SILENT, DNS_NEGATIVE),
    ("dash-en", 6, "curl: (6) Could not resolve host: xn--max-time-rn3d" + CURL_SILENT, ERROR),
    ("dash-en-raw", 6, "curl: (6) Could not resolve host: \u2013-max-time", ERROR),
    ("dash-em-raw", 6, "curl: (6) Could not resolve host: \u2014max-time", ERROR),
    ("dash-plain", 6, "curl: (6) Could not resolve host: -max-time", ERROR),
    (
        "refused-older",
        7,
        "curl: (7) Failed to connect to 10.9.0.2 port 81: Connection refused",
        REFUSED,
    ),
    (
        "no-route-older",
        7,
        "curl: (7) Failed to connect to 1.1.1.1 port 80: No route to host",
        UNREACHABLE,
    ),
    (
        "mute",
        28,
        "curl: (28) Operation timed out after 3001 ms with 0 bytes" + CURL_CONNECTED,
        OPEN,
    ),
    ("closed-at-once", 52, "curl: (52) Empty reply from server" + CURL_CONNECTED, OPEN),
    ("reset", 56, "curl: (56) Recv failure: Connection reset by peer" + CURL_CONNECTED, RESET),
    ("not-http", 1, "curl: (1) Received HTTP/0.9 when not allowed" + CURL_CONNECTED, OPEN),
    (
        "not-tls",
        35,
        "curl: (35) error:0A00010B:SSL routines::wrong version number\nnpol 000 0.000000 10.9.0.2",
        OPEN,
    ),
    ("tls-reset", 35, "curl: (35) Recv failure: Connection reset by peer" + CURL_CONNECTED, RESET),
    ("tls-mute", 28, "curl: (28) SSL connection timeout\nnpol 000 0.000000 10.9.0.2\n", OPEN),
    ("option", 2, "curl: option --nonsense: is unknown", ERROR),
    ("not-there", 127, "sh: curl: not found", ERROR),
    ("out-of-memory", 27, "curl: (27) Out of memory", ERROR),
    ("no-account", 0, "", ERROR),
    ("killed", 137, CURL_CONNECTED, ERROR),
]

WGET = [
    ("http", 0, "Connecting to 10.9.0.2:80... connected.\n  HTTP/1.1 200 OK\n", OPEN),
    ("http-404", 8, "Connecting to 10.9.0.2:80... connected.\n  HTTP/1.1 404 Not Found\n", OPEN),
    ("refused", 4, "Connecting to 10.9.0.2:82... failed: Connection refused.", REFUSED),
    ("no-route", 4, "Connecting to 10.9.0.2:84... failed: No route to host.", UNREACHABLE),
    (
        "denied",
        4,
        "Connecting to 10.9.0.2:81... failed: Connection timed out.\nGiving up.\n",
        TIMEOUT,
    ),
    (
        "mute",
        4,
        "Connecting to 10.9.0.2:90... connected.\nRead error (Connection timed out) in headers.",
        OPEN,
    ),
    (
        "reset",
        4,
        "Connecting to 10.9.0.2:92... connected.\nRead error (Connection reset by peer).",
        RESET,
    ),
    ("name-or-dns", 4, "wget: unable to resolve host address 'nx'", ERROR),
    ("quiet", 4, "", ERROR),
    ("option", 2, "wget: unrecognized option '--nonsense'", ERROR),
]

BUSYBOX_WGET = [
    ("http", 0, "", OPEN),
    ("http-404", 1, "wget: server returned error: HTTP/1.1 404 Not Found", OPEN),
    ("refused", 1, "wget: can't connect to remote host (10.9.0.2): Connection refused", REFUSED),
    ("silent-or-denied", 1, "wget: download timed out", ERROR),
    (
        "redirect-to-a-closed-port",
        1,
        "Connecting to 10.9.0.2:80 (10.9.0.2:80)\nConnecting to 10.9.0.2:1 (10.9.0.2:1)\n"
        "wget: can't connect to remote host (10.9.0.2): Connection refused",
        ERROR,
    ),
    (
        "redirect-to-a-closed-port-told",
        1,
        "Connecting to 10.9.0.2:80 (10.9.0.2:80)\n  HTTP/1.0 302 Found\n  Location: /x\n"
        "Connecting to 10.9.0.2:1 (10.9.0.2:1)\n"
        "wget: can't connect to remote host (10.9.0.2): Connection refused",
        OPEN,
    ),
    ("crashed", 139, "Segmentation fault", ERROR),
]

PING = [
    ("open", 0, "1 packets transmitted, 1 received, 0% packet loss", OPEN),
    ("open-busybox", 0, "1 packets transmitted, 1 packets received, 0% packet loss", OPEN),
    ("lost", 1, "1 packets transmitted, 0 received, 100% packet loss", TIMEOUT),
    ("forbidden", 2, "ping: socket: Operation not permitted", ERROR),
    ("forbidden-busybox", 1, "ping: permission denied (are you root?)", ERROR),
]

TABLES = {
    "nc": NC,
    "nc -e": BUSYBOX_NC,
    "bash": BASH,
    "agnhost": AGNHOST,
    "curl": CURL,
    "wget": WGET,
    "wget busybox": BUSYBOX_WGET,
    "ping": PING,
}
ROWS = [
    pytest.param(reader, code, words, outcome, id=f"{reader}-{name}".replace(" ", "_"))
    for reader, rows in TABLES.items()
    for name, code, words, outcome in rows
]


@pytest.mark.parametrize(("reader", "code", "words", "outcome"), ROWS)
def test_words_and_exit_code_give_the_outcome(reader, code, words, outcome):
    assert reading(reader, code, words).outcome is outcome


UDP = [
    ("answered", 0, "", b"pong", 0.0, OPEN),
    ("answered-with-nul", 0, "", b"\0", 0.0, OPEN),
    ("answered-then-ended", 124, "", b"pong", 2.0, OPEN),
    ("silent", 0, "", b"", 2.0, TIMEOUT),
    (
        "silent-though-nc-says-success",
        0,
        "Connection to x 81 port [udp/*] succeeded!",
        b"",
        0,
        ERROR,
    ),
    ("closed", 1, "", b"", 0.0, REFUSED),
    ("closed-bash", 1, "dd: error reading 'standard input': Connection refused", b"", 0.0, REFUSED),
    (
        "prohibited",
        1,
        "dd: error reading 'standard input': No route to host",
        b"",
        0.0,
        UNREACHABLE,
    ),
    ("killed", 137, "", b"", 2.0, ERROR),
    ("odd-code", 3, "", b"", 2.0, ERROR),
]


@pytest.mark.parametrize(
    ("code", "words", "body", "seconds", "outcome"), [pytest.param(*r[1:], id=r[0]) for r in UDP]
)
def test_udp_needs_an_answer(code, words, body, seconds, outcome):
    seen = reading("nc -u", code, words, body=body, seconds=seconds, protocol=Protocol.UDP)

    assert seen.outcome is outcome


def test_an_icmp_answer_that_nc_does_not_name_wants_a_second_attempt():
    assert reading("nc -u", 0, protocol=Protocol.UDP).again is Again.WHY


@pytest.mark.parametrize("code", [124, 143], ids=["coreutils", "busybox"])
def test_the_end_of_its_time_is_silence(code):
    assert reading("bash", code, seconds=2.0, limit=2.0).outcome is TIMEOUT
    assert reading("dig", code, seconds=2.0, limit=2.0).outcome is DNS_TIMEOUT


def test_an_end_by_timeout_long_before_its_time_is_an_error():
    assert reading("bash", 143, seconds=0.1, limit=2.0).outcome is ERROR


def test_an_end_by_timeout_without_a_timeout_in_the_command_is_an_error():
    assert reading("nc", 124, seconds=2.0).outcome is ERROR


def test_http_answers_carry_status_and_body():
    seen = reading("curl", 0, "\nnpol 200 0.000176 10.9.0.2\n", body=b"hello ok\n")

    assert (seen.outcome, seen.status, seen.body) == (OPEN, 200, "hello ok\n")


def test_a_body_that_never_ends_is_still_an_answer():
    words = "curl: (23) Failure writing output to destination\nnpol 200 0.0005 10.9.0.2\n"

    assert reading("curl", 23, words, body=b"x" * 2048).status == 200


def test_a_body_that_was_cut_is_said_to_be():
    words = "\nnpol 200 0.0005 10.9.0.2\n"

    seen = reading("curl", 0, words, body=b"x" * 2048)

    assert seen.detail.startswith("only the first 2048")
    assert seen.body_cut_off
    assert not reading("curl", 0, words, body=b"x" * 2047).body_cut_off


def test_curl_that_does_not_say_why_it_could_not_connect_is_asked_again():
    words = "curl: (7) Failed to connect to 10.9.0.2 port 82 after 0 ms: Couldn't connect to server"

    first = reading("curl", 7, words + CURL_SILENT)

    assert (first.outcome, first.again) == (REFUSED, Again.WHY)


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("* connect to 10.9.0.2 port 82 failed: Connection refused", REFUSED),
        (
            "* connect to 10.9.0.2 port 84 from 10.9.0.1 port 5 failed: No route to host",
            UNREACHABLE,
        ),
        ("* Immediate connect fail for 10.7.0.1: Network is unreachable", UNREACHABLE),
    ],
)
def test_verbose_curl_says_why(line, outcome):
    words = f"*   Trying 10.9.0.2:82...\n{line}\ncurl: (7) Failed to connect: Couldn't connect"

    assert reading("curl -v", 7, words).outcome is outcome


def test_busybox_wget_asks_for_a_look_at_the_port():
    assert reading("wget busybox", 1, "wget: download timed out").again is Again.CONNECT


@pytest.mark.parametrize(
    ("words", "status", "body"),
    [
        pytest.param("  HTTP/1.1 204 No Content\n", 204, "page", id="another-2xx"),
        pytest.param("  HTTP/1.1 302 Found\n  HTTP/1.1 200 OK\n", 302, "", id="redirect-followed"),
        pytest.param("", 200, "page", id="it-does-not-tell"),
    ],
)
def test_busybox_wget_is_read_by_what_the_server_itself_answered(words, status, body):
    seen = reading("wget busybox", 0, words, body=b"page")

    assert (seen.outcome, seen.status, seen.body) == (OPEN, status, body)


def test_a_long_download_ended_by_its_reader_is_no_broken_probe():
    words = "Connecting to 10.9.0.2:80... connected.\n  HTTP/1.1 200 OK\n"

    assert reading("wget", 141, words, body=b"x" * 1536).outcome is OPEN


def test_details_are_one_printable_line():
    seen = reading("nc", 1, "first\nnc: \x1b[31mConnection refused\x07")

    assert seen.detail == "nc: \\x1b[31mConnection refused\\x07"


@pytest.mark.parametrize("reader", sorted(READERS))
@pytest.mark.parametrize("code", [0, 1, 2, 28, 126, 127, 139])
def test_words_of_no_known_tool_are_never_evidence(reader, code):
    seen = reading(reader, code, "Lorem ipsum dolor sit amet", seconds=2.0)

    assert seen.outcome is ERROR or (reader == "wget busybox" and code == 0)
