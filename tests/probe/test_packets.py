"""Real packets between two namespaces: every situation, in every shell, with every tool here."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol

pytestmark = pytest.mark.lab

HERE = Path(__file__).parent
NEEDED = ("unshare", "nsenter", "ip", "nft", "nc", "curl", "dig")
A, BLACK_HOLE = "10.9.0.2", "10.9.0.9"
TIMEOUT = 2.0
"""A reject by ICMP may find its socket locked and be lost; the next SYN goes out after 1 s."""
UDP = Protocol.UDP

OPEN, REFUSED, SILENT = Outcome.OPEN, Outcome.REFUSED, Outcome.TIMEOUT
UNREACHABLE, RESET = Outcome.UNREACHABLE, Outcome.RESET
DNS_SILENT, NEGATIVE = Outcome.DNS_TIMEOUT, Outcome.DNS_NEGATIVE


@pytest.fixture(scope="module")
def network():
    """Joins the near end; None where this machine allows no namespaces."""
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    if missing:
        pytest.fail(f"packet tests need {', '.join(missing)}")
    argv = [
        "unshare",
        "-rn",
        "sh",
        str(HERE / "network.sh"),
        sys.executable,
        str(HERE / "server.py"),
    ]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "listening\n"
        yield ["nsenter", "-U", "-n", "--preserve-credentials", "-t", str(process.pid)]
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def probe(key, kind, port, *, address=A, **values):
    return Probe(key=key, kind=kind, address=address, port=port, timeout=TIMEOUT, **values)


def connect(key, port, **values):
    return probe(key, ProbeKind.CONNECT, port, **values)


def http(key, port, **values):
    return probe(key, ProbeKind.HTTP, port, **values)


def dns(key, name, *, port=0, **values):
    return probe(key, ProbeKind.DNS, port, name=name, **values)


QUESTIONS = [
    (connect("tcp-open", 80), OPEN),
    (connect("tcp-nothing-listens", 99), REFUSED),
    (connect("tcp-denied", 81), SILENT),
    (connect("tcp-rejected", 82), REFUSED),
    (connect("tcp-rejected-by-reset", 83), REFUSED),
    (connect("tcp-prohibited", 84), UNREACHABLE),
    (connect("tcp-mute-server", 90), OPEN),
    (connect("tcp-no-route", 80, address="10.8.0.1"), UNREACHABLE),
    (connect("tcp-no-network", 80, address="10.7.0.1"), UNREACHABLE),
    (connect("itself", 9, address="10.9.0.1"), REFUSED),
    (connect("udp-answered", 7, protocol=UDP, payload="hi"), OPEN),
    (connect("udp-answered-with-nul", 8, protocol=UDP, payload="hi"), OPEN),
    (connect("udp-silent-server", 6, protocol=UDP), SILENT),
    (connect("udp-denied", 81, protocol=UDP), SILENT),
    (connect("udp-nothing-listens", 99, protocol=UDP), REFUSED),
    (connect("udp-prohibited", 84, protocol=UDP), UNREACHABLE),
    (http("http", 80), OPEN),
    (http("http-500", 93), OPEN),
    (http("http-redirect", 96), OPEN),
    (http("http-endless", 94), OPEN),
    (http("http-nothing-listens", 99), REFUSED),
    (http("http-denied", 81), SILENT),
    (http("http-prohibited", 84), UNREACHABLE),
    (http("http-mute", 90), OPEN),
    (http("http-closed", 91), OPEN),
    (http("http-reset", 92), RESET),
    (http("https-to-a-plain-port", 443, tls=True, name="web.test"), OPEN),
    (dns("dns-udp", "web.test.", protocol=UDP), OPEN),
    (dns("dns-tcp", "web.test."), OPEN),
    (dns("dns-nxdomain", "nx.test.", protocol=UDP), NEGATIVE),
    (dns("dns-servfail", "servfail.test.", protocol=UDP), NEGATIVE),
    (dns("dns-no-address", "none.test.", protocol=UDP), NEGATIVE),
    (dns("dns-only-ipv6", "six.test.", protocol=UDP), OPEN),
    (dns("dns-udp-denied", "web.test.", protocol=UDP, address=BLACK_HOLE), DNS_SILENT),
    (dns("dns-tcp-denied", "web.test.", address=BLACK_HOLE), DNS_SILENT),
    (dns("dns-udp-closed", "web.test.", port=99, protocol=UDP), REFUSED),
    (dns("dns-tcp-closed", "web.test.", port=99), REFUSED),
    (dns("dns-udp-prohibited", "web.test.", port=84, protocol=UDP), UNREACHABLE),
]
EXPECTED = {question.key: outcome for question, outcome in QUESTIONS}


def ask_all(prober):
    """All questions; those that a busy machine starved are asked again, as a story does."""
    left = [question for question, _ in QUESTIONS]
    answers = {}
    for _ in range(5):
        answers |= prober.ask(left, deadline=30)
        left = [question for question in left if "starved" in answers[question.key].detail]
    return answers


def test_every_situation_has_its_outcome(shell, network, start_prober):
    prober = start_prober(shell, prefix=network)

    answers = ask_all(prober)

    assert {key: answer.outcome for key, answer in answers.items()} == EXPECTED


BUSYBOX_CANNOT = {"udp", "http", "https", "dns-tcp"}
"""This build has no nc -u, its wget crashes, and its nslookup knows no TCP."""


@pytest.fixture
def busybox_path(tmp_path):
    """A PATH with nothing but BusyBox in it."""
    busybox = shutil.which("busybox") or pytest.skip("no BusyBox on this machine")
    names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout
    for name in names.split():
        (tmp_path / name).symlink_to(busybox)
    return {"PATH": str(tmp_path)}


def test_busybox_alone_tells_what_it_can_and_errs_where_it_cannot(
    busybox_path, network, start_prober
):
    nsenter = shutil.which("nsenter")
    prober = start_prober(["sh"], prefix=[nsenter, *network[1:]], env=busybox_path)

    answers = ask_all(prober)
    seen = {k: a.outcome for k, a in answers.items()}

    assert prober.tools["nc"] == "BusyBox"
    assert {k: o for k, o in seen.items() if o is not Outcome.ERROR} == {
        k: EXPECTED[k] for k, o in seen.items() if o is not Outcome.ERROR
    }
    erring = {k for k, o in seen.items() if o is Outcome.ERROR}
    assert all(any(k.startswith(kind) for kind in BUSYBOX_CANNOT) for k in erring)


@pytest.mark.parametrize("hidden", [("nc",), ("nc", "bash"), ("nc", "curl"), ("nc", "dig")])
def test_a_missing_tool_is_replaced_by_another_in_the_probe(
    hidden, tmp_path, network, start_prober
):
    """Other tools may err, where they cannot tell, but never see anything else."""
    for directory in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for tool in Path(directory).iterdir():
            link = tmp_path / tool.name
            if tool.name not in hidden and not link.exists():
                link.symlink_to(tool)
    prober = start_prober(["sh"], prefix=network, env={"PATH": str(tmp_path)})

    answers = ask_all(prober)
    wrong = {
        k: (a.outcome, a.tool)
        for k, a in answers.items()
        if a.outcome not in (EXPECTED[k], Outcome.ERROR)
    }

    assert not set(hidden) & set(prober.tools)
    assert wrong == {}


def test_two_rounds_overlap(network, start_prober):
    prober = start_prober(prefix=network)
    prober.open()
    blocked = [replace(connect(str(i), 81), timeout=3.0) for i in range(9)]
    began = monotonic()
    with ThreadPoolExecutor(2) as pool:
        rounds = list(pool.map(lambda _: prober.ask(blocked, deadline=30), range(2)))

    assert all(a.outcome is SILENT for answers in rounds for a in answers.values())
    assert monotonic() - began < 5.5  # one after the other would be 6
    assert prober.execs == 1


def local_ports(pid):
    """Of all sockets in a process's network namespace."""
    tables = [Path(f"/proc/{pid}/net/{protocol}") for protocol in ("tcp", "udp")]
    lines = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    return {int(fields[1].rpartition(":")[2], 16) for fields in lines}


def test_probes_that_are_ended_early_cost_no_timeout(shell, network, start_prober):
    prober = start_prober(shell, prefix=network)
    prober.open()
    blocked = [connect("tcp", 81), connect("udp", 81, protocol=UDP), http("http", 81)]
    blocked = [replace(p, timeout=60.0) for p in blocked]
    asked = {}
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(prober.ask, blocked, deadline=90)
        while len(asked) < len(blocked):
            asked |= {n: p for n in local_ports(network[-1]) if (p := prober.asked_from(n))}
        began = monotonic()
        prober.end(asked)
        seen = answers.result()

    assert {p.key for p in asked.values()} == {"tcp", "udp", "http"}
    assert {(a.outcome, a.ended_early) for a in seen.values()} == {(SILENT, True)}
    assert {a.source_port for a in seen.values()} == set(asked)
    assert monotonic() - began < 50
    assert not any(prober.asked_from(port) for port in asked)


@pytest.fixture
def bundling(monkeypatch):
    """Connections are bundled as those of a starved source."""
    monkeypatch.setattr("npol.probe.probe_pace.MANY", 2)


def test_a_bundle_is_ended_early_once_all_of_it_is_known(shell, network, start_prober, bundling):
    prober = start_prober(shell, prefix=network)
    prober.open()
    blocked = [connect(str(port), port, address=BLACK_HOLE) for port in (81, 82, 83)]
    blocked = [replace(p, timeout=60.0) for p in blocked]
    asked = {}
    began = monotonic()
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(prober.ask, blocked, deadline=90)
        while len(asked) < len(blocked):
            asked |= {n: p for n in local_ports(network[-1]) if (p := prober.asked_from(n))}
        one, *others = asked
        prober.end([one])
        prober.end(others)
        seen = answers.result()

    assert {(a.outcome, a.tool, a.ended_early) for a in seen.values()} == {
        (SILENT, "python3", True)
    }
    assert {a.source_port for a in seen.values()} == set(asked)
    assert monotonic() - began < 50


def test_http_answers_bring_status_host_and_the_beginning_of_the_body(network, start_prober):
    question = http("k", 80, name="shop.test", path="/a b")

    answer = start_prober(prefix=network).ask([question], deadline=30)["k"]

    assert (answer.status, answer.body) == (200, "hello ok\nHost: shop.test\n")


def test_redirects_are_not_followed(network, start_prober):
    assert start_prober(prefix=network).ask([http("k", 96)], deadline=30)["k"].status == 302


def test_names_bring_their_addresses(network, start_prober):
    answers = start_prober(prefix=network).ask(
        [dns("four", "web.test.", protocol=UDP), dns("six", "six.test.", protocol=UDP)], deadline=5
    )

    assert answers["four"].addresses == (A,)
    assert answers["six"].addresses == ("fd00::1",)
