"""Many connections by one command: which are bundled, and what each of them saw."""

import os
import shutil
import socket
import sys
from dataclasses import replace

import pytest

from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.bundle import MANY, SIZE
from npol.probe.command import Ended
from npol.probe.probe_batch import Round
from npol.probe.source_ports import SourcePorts
from npol.probe.toolbox import Nc, Toolbox

BOX = Toolbox(tools=frozenset({"nc", "bash", "timeout"}), nc=Nc.OPENBSD, nc_udp=True)
REFUSED = "environment: line 1: /dev/tcp/{}/80: Connection refused"


def connects(number, **values):
    return [
        Probe(
            key=str(n), kind=ProbeKind.CONNECT, address=f"10.0.0.{n}", port=80, timeout=2, **values
        )
        for n in range(1, number + 1)
    ]


def end(attempt, code, at, words):
    """How its command ended, which was asked and began at 1.0."""
    return Ended(id=attempt.id, exit_code=code, words=words, asked=1.0, began=1.0, ended=at)


def sent(round_):
    while round_.unsent:
        round_.send(round_.unsent[0], 0.0)
    return list(round_.sent.values())


def answered(round_, text, *, control=0.0):
    """The round's answers: each bundle says `text(number, address)` a member, then its end."""
    for attempt in sent(round_):
        if attempt.control:
            round_.end(end(attempt, 1, 1.0 + control, "Connection refused"))
            continue
        lines = [text(n, m.probe.address) for n, m in enumerate(attempt.members)]
        round_.end(end(attempt, 0, 4.0, "\n".join([*lines, "! 3.00"])))
    return [a for _, a in sorted(round_.answers().items(), key=lambda item: int(item[0]))]


def test_many_connections_are_bundled_and_few_are_not():
    few, many = sent(Round(connects(MANY - 1), BOX)), sent(Round(connects(MANY), BOX))

    assert not any(a.members for a in few)
    assert [len(a.members) for a in many if a.members] == [SIZE] * (MANY // SIZE) + [MANY % SIZE]


@pytest.mark.parametrize(
    "probes",
    [connects(MANY, protocol=Protocol.UDP), connects(MANY)],
    ids=["other protocols", "no bash"],
)
def test_what_bash_cannot_connect_is_asked_one_by_one(probes):
    box = BOX if probes[0].protocol is Protocol.UDP else Toolbox(tools=frozenset({"nc"}), nc=BOX.nc)

    assert not any(a.members for a in sent(Round(probes, box)))


def test_each_member_has_its_own_outcome():
    def text(number, address):
        return [
            f"+{number} 1.00",
            f"+{number} 1.00\n=1{number} 0 1.01\n={number} 0 1.01",
            f"+{number} 1.00\n{REFUSED.format(address)}\n={number} 1 1.01",
        ][number % 3]

    answers = answered(Round(connects(3), BOX, many=3), text)

    assert [a.outcome for a in answers] == [Outcome.TIMEOUT, Outcome.OPEN, Outcome.REFUSED]
    assert answers[2].detail == REFUSED.format("10.0.0.3")


def test_a_refusal_belongs_to_its_own_address():
    def text(number, address):
        said = REFUSED.format(address) if number == 10 else ""
        return f"+{number} 1.00\n{said}" + (f"\n={number} 1 1.01" if said else "")

    answers = answered(Round(connects(12), BOX, many=4), text)

    assert [a.key for a in answers if a.outcome is Outcome.REFUSED] == ["11"]


def test_a_connection_that_was_not_started_is_no_silence():
    answers = answered(Round(connects(2), BOX, many=2), lambda n, _: "" if n else "+0 1.00")

    assert [a.outcome for a in answers] == [Outcome.TIMEOUT, Outcome.ERROR]
    assert answers[1].starved


@pytest.mark.parametrize(
    ("began", "control", "outcome"),
    [(1.0, 0.9, Outcome.TIMEOUT), (1.0, 1.2, Outcome.ERROR), (2.5, 0.0, Outcome.ERROR)],
    ids=["waited long enough", "may have begun too late", "ended too early"],
)
def test_a_silence_counts_when_half_a_timeout_of_it_is_certain(began, control, outcome):
    round_ = Round(connects(2), BOX, many=2)

    answers = answered(round_, lambda n, _: f"+{n} {began:.2f}", control=control)

    assert {a.outcome for a in answers} == {outcome}


def test_a_bundle_that_breaks_off_says_nothing_of_its_members():
    round_ = Round(connects(2), BOX, many=2)
    for attempt in sent(round_):
        round_.end(end(attempt, 1, 4.0, "+0 1.00\n=0 0 1.01\n+1 1.00"))

    assert {a.outcome for a in round_.answers().values()} == {Outcome.ERROR}


def test_python_makes_all_connections_of_a_source_at_once():
    round_ = Round(connects(MANY), PYTHON_BOX)
    (bundle,) = [a for a in sent(round_) if a.members]
    silent, refused, opened, *rest = range(MANY)
    lines = [f"{silent} 0 ", f"{refused} 1 2 111", f"{opened} 1 1 0", *(f"{n} 1 " for n in rest)]

    for attempt in list(round_.sent.values()):
        text = "\n".join(["?111 Connection refused", "?0 Success", "~ 1.5", *lines, "! 200"])
        if attempt.control:
            round_.end(end(attempt, 1, 1.0, "Connection refused"))
        else:
            round_.end(end(attempt, 0, 4.0, text))

    answers = [round_.answers()[str(n + 1)] for n in (silent, refused, opened)]
    assert len(bundle.members) == MANY
    assert [a.outcome for a in answers] == [Outcome.TIMEOUT, Outcome.REFUSED, Outcome.OPEN]
    assert [(a.seconds, a.tool) for a in answers] == [
        (2.0, "python3"),
        (0.01, "python3"),
        (0.0, "python3"),
    ]


PYTHON_BOX = replace(BOX, tools=BOX.tools | {"python3"})


def from_ports(number, *, lines=()):
    """The answers to connections that a starved source bundles; `lines` are Python's."""
    round_ = Round(connects(number), PYTHON_BOX, SourcePorts(range(61000, 61200)), many=2)
    for attempt in sent(round_):
        text = "\n".join(["~ 1.0", *(f"{n} 0 " for n in range(number)), *lines, "! 200"])
        round_.end(end(attempt, 0, 1.0 if attempt.control else 3.0, text))
    return round_.answers()


def test_a_starved_source_s_connections_leave_from_ports_that_are_known():
    answers = from_ports(3)

    assert {a.outcome for a in answers.values()} == {Outcome.TIMEOUT}
    assert len({a.source_port for a in answers.values()} - {None}) == 3


def test_a_port_that_could_not_be_had_is_not_claimed():
    answers = from_ports(3, lines=["-1"])

    assert [answers[key].source_port is None for key in "123"] == [False, True, False]


def test_many_connections_leave_from_ports_of_the_kernel_s():
    assert {a.source_port for a in from_ports(MANY).values()} == {None}


def test_bash_which_takes_python_s_place_claims_no_port():
    round_ = Round(connects(3), PYTHON_BOX, SourcePorts(range(61000, 61200)), many=2)
    (bundle,) = [a for a in sent(round_) if a.members]
    round_.end(end(bundle, 1, 1.0, "no module"))
    (again,) = [a for a in sent(round_) if a.members]

    assert again.sent_as.tool == "bash"
    assert {m.source_port for m in again.members} == {None}


def test_a_lost_bundle_loses_each_member():
    round_ = Round(connects(MANY), BOX)
    sent(round_)

    round_.lose("the exec broke")

    answers = round_.answers()
    assert len(answers) == MANY
    assert {a.detail for a in answers.values()} == {"the exec broke"}


@pytest.mark.parametrize("tool", ["python3", "bash"], ids=["by Python", "Python does not run"])
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_program_connects_to_each_address(start_prober, tmp_path, tool):
    """One listens, one takes no more connections than its queue holds, the others refuse."""
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable if tool == "python3" else "false"} "$@"')
    python.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        open_port = listening.getsockname()[1]
        ports = {"open": open_port, "refused": 9, "silent": port}
        probes = [
            Probe(key=key, kind=ProbeKind.CONNECT, address="127.0.0.1", port=p, timeout=1)
            for key, p in ports.items()
        ] + [
            Probe(key=str(n), kind=ProbeKind.CONNECT, address="127.0.0.1", port=n, timeout=1)
            for n in range(20000, 20000 + MANY)
        ]

        answers = start_prober(env=environment).ask(probes, deadline=20)
        for each in waiting:
            each.close()

    assert answers["open"].outcome is Outcome.OPEN
    assert answers["silent"].outcome is Outcome.TIMEOUT
    assert {a.outcome for k, a in answers.items() if k not in ports} == {Outcome.REFUSED}
    assert {a.tool for a in answers.values()} == {tool}
    assert all("Connection refused" in a.detail for k, a in answers.items() if k not in ports)
