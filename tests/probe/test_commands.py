"""Which tool asks what, and which values never reach any tool."""

import contextlib
from dataclasses import replace

import pytest

from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.command import Capture, Command, Ended
from npol.probe.commands.choose import (
    CannotAsk,
    control_attempt,
    first_attempt,
    second_attempt,
    settle_attempts,
)
from npol.probe.commands.source_port import from_port, port_taken
from npol.probe.parsers.parsed_result import Again, Reading
from npol.probe.toolbox import Nc, Toolbox

NETSHOOT = Toolbox(
    tools=frozenset(
        {"nc", "curl", "dig", "nslookup", "bash", "ping", "timeout", "fractions", "base64"}
    ),
    nc=Nc.OPENBSD,
    nc_limit=True,
    nc_udp=True,
    nameservers=("10.96.0.10", "10.96.0.11"),
)
BUSYBOX = Toolbox(
    tools=frozenset({"nc", "wget", "nslookup", "timeout", "base64"}),
    nc=Nc.BUSYBOX,
    busybox_nslookup=True,
    busybox_wget=True,
    nameservers=("10.96.0.10",),
)
DEBIAN_APP = Toolbox(tools=frozenset({"bash", "timeout", "getent", "base64"}))
AGNHOST = Toolbox(tools=frozenset({"/agnhost"}))
CURL = Toolbox(tools=frozenset({"curl"}))
WGET = Toolbox(tools=frozenset({"wget", "timeout"}))
DIG = Toolbox(tools=frozenset({"dig"}))
EMPTY = Toolbox()


def probe(kind=ProbeKind.CONNECT, address="10.0.0.2", port=80, **values):
    return Probe(key="k", kind=kind, address=address, port=port, **values)


def dns(address="", name="web.ns.svc.cluster.local.", protocol=Protocol.UDP, **values):
    return Probe(
        key="k", kind=ProbeKind.DNS, address=address, name=name, protocol=protocol, **values
    )


TCP = probe()
UDP = probe(protocol=Protocol.UDP)
HTTP = probe(ProbeKind.HTTP)
TLS = probe(ProbeKind.HTTP, port=443, tls=True, name="web.test")


@pytest.mark.parametrize(
    ("asked", "box", "reader"),
    [
        pytest.param(TCP, NETSHOOT, "nc", id="tcp-netshoot"),
        pytest.param(TCP, BUSYBOX, "nc -e", id="tcp-busybox"),
        pytest.param(TCP, DEBIAN_APP, "bash", id="tcp-debian"),
        pytest.param(TCP, AGNHOST, "agnhost", id="tcp-agnhost"),
        pytest.param(TCP, CURL, "curl", id="tcp-curl"),
        pytest.param(TCP, WGET, "wget", id="tcp-wget"),
        pytest.param(UDP, NETSHOOT, "nc -u", id="udp-netshoot"),
        pytest.param(UDP, DEBIAN_APP, "nc -u", id="udp-debian"),
        pytest.param(UDP, AGNHOST, "agnhost", id="udp-agnhost"),
        pytest.param(HTTP, NETSHOOT, "curl", id="http-netshoot"),
        pytest.param(HTTP, BUSYBOX, "wget busybox", id="http-busybox"),
        pytest.param(HTTP, WGET, "wget", id="http-wget"),
        pytest.param(TLS, NETSHOOT, "curl", id="https-netshoot"),
        pytest.param(dns(), NETSHOOT, "message", id="dns-netshoot"),
        pytest.param(dns(), BUSYBOX, "nslookup", id="dns-busybox"),
        pytest.param(dns(), DEBIAN_APP, "getent", id="dns-debian-own-server-unknown"),
        pytest.param(dns("10.96.0.10"), DEBIAN_APP, "message", id="dns-debian"),
        pytest.param(probe(protocol=Protocol.SCTP), AGNHOST, "agnhost", id="sctp"),
        pytest.param(probe(ProbeKind.PING, port=0), NETSHOOT, "ping", id="ping"),
    ],
)
def test_the_cheapest_tool_that_can_asks(asked, box, reader):
    assert first_attempt(asked, box).command.reader == reader


@pytest.mark.parametrize(
    ("asked", "box", "words"),
    [
        pytest.param(TCP, EMPTY, "no nc, bash, /agnhost, curl or wget", id="tcp"),
        pytest.param(UDP, BUSYBOX, "no nc with -u, bash or /agnhost", id="udp-busybox"),
        pytest.param(UDP, CURL, "no nc with -u, bash or /agnhost", id="udp-curl"),
        pytest.param(HTTP, DEBIAN_APP, "no curl or wget", id="http-debian"),
        pytest.param(TLS, WGET, "no curl or wget", id="https-by-name-wget"),
        pytest.param(
            dns(protocol=Protocol.TCP), BUSYBOX, "no nc, dig or nslookup of BIND", id="dns-tcp"
        ),
        pytest.param(probe(protocol=Protocol.SCTP), NETSHOOT, "no /agnhost", id="sctp"),
    ],
)
def test_a_source_that_cannot_ask_says_what_is_missing(asked, box, words):
    with pytest.raises(CannotAsk, match=f"the image has {words}"):
        first_attempt(asked, box)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(probe(address="web.ns"), id="name-for-address"),
        pytest.param(probe(address="-oProxyCommand=x"), id="option-for-address"),
        pytest.param(probe(address="10.0.0.2; id"), id="command-for-address"),
        pytest.param(probe(address=""), id="no-address"),
        pytest.param(probe(port=0), id="no-port"),
        pytest.param(probe(ProbeKind.HTTP, name="a b"), id="space-in-name"),
        pytest.param(probe(ProbeKind.HTTP, name="-x"), id="option-for-name"),
        pytest.param(probe(ProbeKind.HTTP, name="web.test\r\nX: y"), id="header-in-name"),
        pytest.param(probe(ProbeKind.HTTP, name="w\u0435b.test"), id="homoglyph"),
        pytest.param(dns(name=""), id="no-name"),
        pytest.param(dns(name="@10.0.0.1"), id="server-for-name"),
        pytest.param(dns(name="+short"), id="dig-option-for-name"),
        pytest.param(dns(name="a" * 64 + "."), id="label-too-long"),
        pytest.param(dns(name="a." * 130), id="name-too-long"),
        pytest.param(dns(address="$(id)"), id="command-for-server"),
    ],
)
def test_malformed_values_reach_no_tool(bad):
    with pytest.raises(CannotAsk):
        first_attempt(bad, NETSHOOT)


@pytest.mark.parametrize("path", ["/a b", "/$(id)", "/`id`", "/ä", "/a\nb", "/%", "/x#y", "a"])
def test_paths_are_one_plain_argument(path):
    url = first_attempt(probe(ProbeKind.HTTP, path=path), NETSHOOT).command.argv[-1]

    assert url.startswith("http://10.0.0.2/")
    assert not set(url) & set(" `\n#ä")


def test_curl_uses_no_proxy_no_configuration_and_follows_nothing():
    argv = first_attempt(HTTP, NETSHOOT).command.argv

    assert argv[1] == "-q"
    assert argv[argv.index("--noproxy") + 1] == "*"
    assert not {"-L", "--location", "-f", "--fail", "--retry"} & set(argv)


def test_a_host_is_asked_for_at_the_address_that_was_given():
    argv = first_attempt(TLS, NETSHOOT).command.argv

    assert argv[argv.index("--connect-to") + 1] == "web.test:443:10.0.0.2:443"
    assert argv[-1] == "https://web.test/"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (probe(ProbeKind.HTTP, "fd00::1", 8080), "http://[fd00::1]:8080/"),
        (probe(ProbeKind.HTTP, "fd00::1", 80, name="web.test"), "web.test:80:[fd00::1]:80"),
        (probe(address="fd00::1"), "fd00::1"),
    ],
)
def test_ipv6_addresses_are_spelt_as_each_tool_wants_them(asked, words):
    assert words in first_attempt(asked, NETSHOOT).command.argv


def test_a_fraction_of_a_second_is_kept_by_timeout():
    command = first_attempt(probe(timeout=0.5), NETSHOOT).command

    assert (command.limit, command.argv[command.argv.index("-w") + 1]) == (0.5, "1")


def test_whole_seconds_are_kept_by_nc_itself():
    assert first_attempt(probe(timeout=2.0), NETSHOOT).command.limit == 0


def every_command():
    for asked in (TCP, UDP, HTTP, TLS, dns(), dns(protocol=Protocol.TCP)):
        for box in (NETSHOOT, BUSYBOX, DEBIAN_APP, AGNHOST, CURL, WGET):
            with contextlib.suppress(CannotAsk):
                attempt = first_attempt(asked, box)
                yield from (attempt.command, *attempt.others)


def test_every_command_ends_by_itself():
    times = {"-w", "-m", "-T", "+time=2", "-timeout=2", "--timeout=2s"}
    endless = [c for c in every_command() if not c.limit and not times & set(c.argv)]

    assert endless == []


@pytest.mark.parametrize(
    ("asked", "box", "words"),
    [
        pytest.param(TCP, NETSHOOT, ("nc", "-p", "61000"), id="nc"),
        pytest.param(UDP, NETSHOOT, ("nc", "-p", "61000"), id="nc-u"),
        pytest.param(TCP, BUSYBOX, ("nc", "-p", "61000"), id="busybox-nc"),
        pytest.param(HTTP, NETSHOOT, ("curl", "-q", "--local-port", "61000"), id="curl"),
        pytest.param(dns("10.0.0.9"), DIG, ("dig", "-b", "0.0.0.0#61000"), id="dig"),
        pytest.param(dns("fd00::9"), DIG, ("dig", "-b", "::#61000"), id="dig-ipv6"),
        pytest.param(
            Probe(key="k", kind=ProbeKind.PING, address="10.0.0.2"),
            NETSHOOT,
            ("ping", "-e", "61000"),
            id="ping",
        ),
        pytest.param(dns(), DIG, None, id="dig-without-a-server"),
        pytest.param(HTTP, WGET, None, id="wget"),
        pytest.param(dns(), BUSYBOX, None, id="nslookup"),
        pytest.param(TCP, DEBIAN_APP, None, id="bash"),
        pytest.param(TCP, AGNHOST, None, id="agnhost"),
    ],
)
def test_tools_that_can_are_told_their_source_port(asked, box, words):
    command = first_attempt(asked, box).command
    marked = from_port(command, 61000)

    assert (marked.argv[: len(words)] if marked and words else marked) == words
    assert marked is None or set(command.argv) <= set(marked.argv)


@pytest.mark.parametrize(
    ("tool", "code", "words", "taken"),
    [
        ("nc", 1, "nc: bind failed: Address already in use", True),
        ("nc", 1, "nc: bind: Address in use", True),
        ("nc", 1, "Ncat: bind to :::61000: Address already in use. QUITTING.", True),
        ("nc", 1, "nc: Cannot assign requested address", True),
        ("nc", 1, "nc: connect to 10.0.0.2 port 80 (tcp) failed: Connection refused", False),
        ("nc", 0, "Connection to 10.0.0.2 80 port [tcp/*] succeeded!", False),
        ("curl", 45, "curl: (45) bind failed with errno 98: Address already in use", True),
        ("curl", 7, "curl: (7) Failed to connect", False),
        ("curl", 22, "< X-Said: Address already in use", False),
        ("dig", 9, ";; UDP setup with 10.0.0.9#53(10.0.0.9) for x failed: address in use.", True),
        ("dig", 9, ";; connection timed out; no servers could be reached", False),
        ("ping", 1, "ping: invalid option -- 'e'", True),
        ("ping", 1, "ping: unrecognized option: e", True),
        ("ping", 1, "1 packets transmitted, 0 received, 100% packet loss", False),
    ],
)
def test_a_source_port_that_is_taken_is_told_from_what_the_network_says(tool, code, words, taken):
    command = Command(tool=tool, reader=tool, argv=(tool,))

    assert port_taken(command, Ended(exit_code=code, words=words)) is taken


def test_a_dns_command_that_a_person_can_type_is_kept_with_a_datagram_probe():
    command = first_attempt(dns(), NETSHOOT).command

    assert str(command) == "dig @10.96.0.10 +nosearch +time=2 +tries=1 -t A -q " + dns().name
    assert command.capture is Capture.DATAGRAM


def wants(again, outcome=Outcome.REFUSED):
    return Reading(outcome=outcome, again=again)


@pytest.mark.parametrize(
    ("asked", "again", "reader"),
    [
        (HTTP, Again.WHY, "curl -v"),
        (UDP, Again.WHY, "nc -u"),
        (dns(), Again.WHY, "dig"),
        (dns(), Again.FAMILY, "message"),
        (dns(), Again.SERVER, "message"),
        (dns(), Again.WHOLE, "message"),
        (HTTP, Again.CONNECT, "nc"),
    ],
)
def test_a_second_attempt_tells_more(asked, again, reader):
    attempt = first_attempt(asked, NETSHOOT)
    second = second_attempt(attempt, wants(again), NETSHOOT)

    assert second.command.reader == reader
    assert second.command != attempt.command


def test_the_last_server_has_no_next_one():
    attempt = first_attempt(dns(), NETSHOOT)
    attempt = second_attempt(attempt, wants(Again.SERVER), NETSHOOT)

    assert attempt.probe.address == "10.96.0.11"
    assert second_attempt(attempt, wants(Again.SERVER), NETSHOOT) is None


def test_what_was_cut_off_is_asked_for_over_tcp_in_the_same_family_and_once():
    attempt = first_attempt(dns(family=6), NETSHOOT)
    second = second_attempt(attempt, wants(Again.WHOLE), NETSHOOT)

    assert (second.probe.protocol, second.ipv6) == (Protocol.TCP, True)
    assert second_attempt(second, wants(Again.WHOLE), NETSHOOT) is None


@pytest.mark.parametrize("tells", [True, False])
def test_busybox_wget_is_asked_for_the_servers_answer_where_it_knows_how(tells):
    box = replace(BUSYBOX, busybox_wget_tells=tells)

    assert ("-S" in first_attempt(HTTP, box).command.argv) is tells


@pytest.mark.parametrize(("port", "host"), [(443, "shop.test"), (8443, "shop.test:8443")])
def test_the_host_header_may_be_another_than_the_name_in_the_handshake(port, host):
    argv = first_attempt(replace(TLS, port=port, name="shop.test", server_name="gw.test"), CURL)
    words = argv.command.argv

    assert words[words.index("-H") + 1] == f"Host: {host}"
    assert words[words.index("--connect-to") + 1] == f"gw.test:{port}:10.0.0.2:{port}"
    assert words[-1].startswith("https://gw.test")


def test_a_server_that_was_named_is_the_only_one_asked():
    attempt = first_attempt(dns("10.0.0.9"), NETSHOOT)

    assert second_attempt(attempt, wants(Again.SERVER), NETSHOOT) is None


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        (Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.UNREACHABLE),
        (Outcome.REFUSED, Outcome.TIMEOUT, Outcome.REFUSED),
        (Outcome.REFUSED, Outcome.ERROR, Outcome.REFUSED),
        (Outcome.DNS_NEGATIVE, Outcome.OPEN, Outcome.OPEN),
        (Outcome.DNS_TIMEOUT, Outcome.OPEN, Outcome.OPEN),
        (Outcome.OPEN, Outcome.REFUSED, Outcome.OPEN),
        (Outcome.ERROR, Outcome.OPEN, Outcome.OPEN),
        (Outcome.ERROR, Outcome.TIMEOUT, Outcome.TIMEOUT),
        (Outcome.ERROR, Outcome.ERROR, Outcome.ERROR),
    ],
)
def test_a_second_attempt_that_saw_nothing_changes_nothing(first, second, stands):
    assert settle_attempts(Reading(outcome=first), Reading(outcome=second)).outcome is stands


@pytest.mark.parametrize(
    ("asked", "box", "argv0"),
    [
        (TCP, NETSHOOT, "nc"),
        (HTTP, NETSHOOT, "curl"),
        (dns(), NETSHOOT, "nc"),
        (dns(), BUSYBOX, "true"),
        (dns(), DEBIAN_APP, "true"),
    ],
)
def test_a_control_asks_nothing_of_the_network(asked, box, argv0):
    like = first_attempt(asked, box)
    control = control_attempt(replace(asked, address="127.0.0.1", port=9), like, box).command

    assert control.argv[0] == argv0
    assert asked.address not in control.argv or not asked.address


@pytest.mark.parametrize(
    ("family", "box", "words"),
    [
        pytest.param(4, DIG, "-t A -q", id="dig-4"),
        pytest.param(6, DIG, "-t AAAA -q", id="dig-6"),
        pytest.param(6, DEBIAN_APP, "getent ahostsv6", id="getent-6"),
        pytest.param(4, DEBIAN_APP, "getent ahostsv4", id="getent-4"),
        pytest.param(0, DEBIAN_APP, "getent hosts", id="getent-any"),
    ],
)
def test_a_name_is_looked_up_in_the_family_that_is_asked(family, box, words):
    command = first_attempt(dns(family=family), box).command
    assert words in " ".join(command.argv)


def test_a_name_without_records_of_the_family_asked_is_not_asked_for_the_other():
    nothing = Reading(outcome=Outcome.DNS_NEGATIVE, again=Again.FAMILY)
    asked = first_attempt(dns(family=4), DIG)
    assert second_attempt(asked, nothing, DIG) is None
    again = second_attempt(first_attempt(dns(), DIG), nothing, DIG)
    assert again is not None
    assert "AAAA" in again.command.argv
