"""One round at one source: looks, second looks, controls and the answers they come to."""

from dataclasses import replace

import pytest

from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.command import Capture
from npol.probe.framing import LINE_END, Frames
from npol.probe.probe_batch import Round
from npol.probe.source_ports import SourcePorts
from npol.probe.toolbox import Nc, Toolbox

BOX = Toolbox(
    tools=frozenset({"nc", "curl", "bash", "dig", "timeout", "base64"}),
    nc=Nc.OPENBSD,
    nc_limit=True,
    nc_udp=True,
    nameservers=("10.96.0.10",),
)
OPEN = "Connection to 10.0.0.2 80 port [tcp/*] succeeded!"
REFUSED = "nc: connect to x port 9 (tcp) failed: Connection refused"


def probe(key, kind=ProbeKind.CONNECT, **values):
    values = {"address": "10.0.0.2", "port": 80, **values}
    return Probe(key=key, kind=kind, **values)


def end(attempt, code, text, seconds=0.0, at=1.0):
    """What comes back of a command, which was asked and began at `at`; None: the text has it."""
    times = f"{at * 100:.0f} {at * 100:.0f} {(at + seconds) * 100:.0f}"
    line = f"@n {attempt.id} {'-' if code is None else code} {times} {text} @n"
    (ended,) = Frames("n").feed(line.replace("\n", LINE_END).encode() + b"\n")
    return ended


def play(round_, say, now=0.0):
    """Sends everything; `say(attempt)` -> (exit code, text, seconds)."""
    sent = []
    while not round_.done:
        while round_.unsent:
            round_.send(round_.unsent[0], now)
        for attempt in list(round_.sent.values()):
            sent.append(attempt)
            code, text, seconds = (1, REFUSED, 0.0) if attempt.control else say(attempt)
            round_.end(end(attempt, code, text, seconds))
    return sent


def test_each_probe_has_its_answer_and_each_tool_its_control():
    round_ = Round([probe("a"), probe("b", port=81), probe("w", ProbeKind.HTTP)], BOX)

    sent = play(round_, lambda t: (0, OPEN, 0.0) if t.probe.key != "w" else (None, "", 0.0))

    assert sorted(round_.answers()) == ["a", "b", "w"]
    assert sorted(t.control for t in sent if t.control) == ["curl", "nc"]


def test_the_same_question_is_asked_once():
    round_ = Round([probe("a"), probe("b"), probe("c", port=81)], BOX)

    sent = play(round_, lambda t: (0, OPEN, 0.0))

    assert len([t for t in sent if not t.control]) == 2
    assert {k: a.key for k, a in round_.answers().items()} == {"a": "a", "b": "b", "c": "c"}


def test_a_second_attempt_replaces_a_first_that_did_not_say_why():
    account = "curl: (7) Failed to connect\nnpol 000 0.000000 \nexit=7\nbody="
    why = "* connect to 10.0.0.2 port 80 failed: No route to host"

    round_ = Round([probe("w", ProbeKind.HTTP)], BOX)
    play(round_, lambda t: (7, why, 0.0) if t.earlier else (None, account, 0.0))

    assert round_.answers()["w"].outcome is Outcome.UNREACHABLE


def test_a_second_attempt_that_saw_nothing_leaves_the_first():
    round_ = Round([probe("u", protocol=Protocol.UDP)], BOX)
    play(
        round_,
        lambda t: (None, "exit=124\nbody=", 2.0) if t.earlier else (None, "exit=0\nbody=", 0),
    )

    assert round_.answers()["u"].outcome is Outcome.REFUSED


def test_there_is_no_third_attempt():
    round_ = Round([probe("u", protocol=Protocol.UDP)], BOX)

    sent = play(round_, lambda t: (None, "exit=0\nbody=", 0.0))

    assert len([t for t in sent if not t.control]) == 2


def test_a_lost_second_attempt_leaves_the_first():
    round_ = Round([probe("u", protocol=Protocol.UDP)], BOX)
    for attempt in list(round_.unsent):
        round_.send(attempt, 0.0)
    for attempt in list(round_.sent.values()):
        round_.end(end(attempt, None, "exit=0\nbody="))
    round_.give_up("cut")

    assert round_.answers()["u"].outcome is Outcome.REFUSED


TAKEN = "nc: bind failed: Address already in use"


def ports(*numbers):
    return SourcePorts(numbers)


def test_each_probe_has_a_source_port_of_its_own_and_a_control_has_none():
    round_ = Round([probe("a"), probe("b", port=81)], BOX, ports(61000, 61001))

    sent = play(round_, lambda t: (0, OPEN, 0.0))

    assert {a.source_port for a in round_.answers().values()} == {61000, 61001}
    assert [t.source_port for t in sent if t.control] == [None]


def test_a_port_that_cannot_be_had_is_no_outcome_and_another_is_tried():
    round_ = Round([probe("a")], BOX, ports(61000, 61001))

    sent = play(round_, lambda t: (1, TAKEN, 0.0) if t.source_port == 61000 else (0, OPEN, 0.0))
    answer = round_.answers()["a"]

    assert [t.source_port for t in sent if not t.control] == [61000, 61001]
    assert (answer.outcome, answer.source_port) == (Outcome.OPEN, 61001)


def test_after_three_ports_that_cannot_be_had_the_kernel_chooses():
    round_ = Round([probe("a")], BOX, ports(*range(61000, 61009)))

    sent = play(round_, lambda t: (1, TAKEN, 0.0) if t.source_port else (0, OPEN, 0.0))

    assert [t.source_port for t in sent if not t.control] == [61000, 61001, 61002, None]
    assert round_.answers()["a"].outcome is Outcome.OPEN


def test_when_no_port_is_free_the_probe_goes_unmarked():
    round_ = Round([probe("a"), probe("b", port=81)], BOX, ports(61000))
    play(round_, lambda t: (0, OPEN, 0.0))

    assert {a.source_port for a in round_.answers().values()} == {61000, None}


@pytest.mark.parametrize(
    ("why", "stands"),
    [("* connect to 10.0.0.2 port 80 failed: No route to host", 61001), ("?", 61000)],
    ids=["second", "first"],
)
def test_a_second_look_has_its_own_port_and_the_evidence_names_the_one_that_stands(why, stands):
    account = "curl: (7) Failed to connect\nnpol 000 0.000000 \nexit=7\nbody="
    round_ = Round([probe("w", ProbeKind.HTTP)], BOX, ports(61000, 61001))

    sent = play(round_, lambda t: (7, why, 0.0) if t.earlier else (None, account, 0.0))

    assert [t.source_port for t in sent if not t.control] == [61000, 61001]
    assert round_.answers()["w"].source_port == stands


def test_ports_rest_180_seconds_after_their_probe_the_second_look_s_included():
    account = "curl: (7) Failed to connect\nnpol 000 0.000000 \nexit=7\nbody="
    pool = ports(61000, 61001)
    asked = probe("w", ProbeKind.HTTP)
    sent = play(
        Round([asked], BOX, pool), lambda t: (7, "?", 0.0) if t.earlier else (None, account, 0.0)
    )
    over = max(attempt.overdue for attempt in sent if not attempt.control)

    assert pool.take(now=over + 179.9, life=1.0) is None
    assert {pool.take(now=over + 180.0, life=1.0) for _ in range(2)} == {61000, 61001}


def test_a_second_look_whose_port_is_taken_is_looked_at_once_more():
    account = "curl: (7) Failed to connect\nnpol 000 0.000000 \nexit=7\nbody="
    round_ = Round([probe("w", ProbeKind.HTTP)], BOX, ports(61000, 61001, 61002))
    said = {
        61000: (None, account, 0.0),
        61001: (45, "curl: (45) bind failed with errno 98", 0.0),
        61002: (7, "* connect to 10.0.0.2 port 80 failed: No route to host", 0.0),
    }
    play(round_, lambda t: said[t.source_port])
    answer = round_.answers()["w"]

    assert (answer.outcome, answer.source_port) == (Outcome.UNREACHABLE, 61002)


def cut(attempt):
    """Its end was asked for, and its tool did so: dig catches the signal."""
    attempt.end_asked = True
    if attempt.command.tool == "dig":
        return 0, "", 0.02
    text = attempt.command.capture is Capture.TEXT
    return (143, "Terminated", 0.02) if text else (None, "exit=143\nbody=", 0.02)


@pytest.mark.parametrize(
    ("asked", "tools", "outcome"),
    [
        pytest.param(probe("k"), {"nc"}, Outcome.TIMEOUT, id="nc"),
        pytest.param(probe("k", ProbeKind.HTTP), {"curl"}, Outcome.TIMEOUT, id="curl"),
        pytest.param(
            probe("k", ProbeKind.DNS, port=0, name="web.test."),
            {"dig"},
            Outcome.DNS_TIMEOUT,
            id="dig",
        ),
        pytest.param(probe("k", protocol=Protocol.UDP), {"nc"}, Outcome.TIMEOUT, id="nc-u"),
    ],
)
def test_a_probe_that_is_ended_early_was_silent_however_short(asked, tools, outcome):
    round_ = Round([asked], replace(BOX, tools=frozenset(tools)), ports(61000))
    play(round_, cut)
    answer = round_.answers()["k"]

    assert (answer.outcome, answer.ended_early) == (outcome, True)


def test_what_came_before_the_end_that_was_asked_for_is_the_answer():
    round_ = Round([probe("a"), probe("b", port=81)], BOX, ports(61000, 61001))

    def late(attempt):
        attempt.end_asked = True
        return (0, OPEN, 0.02) if attempt.probe.port == 80 else (1, REFUSED, 0.02)

    play(round_, late)
    answers = round_.answers()

    assert [answers[k].outcome for k in "ab"] == [Outcome.OPEN, Outcome.REFUSED]
    assert not any(a.ended_early for a in answers.values())


def test_a_tool_that_somebody_else_ended_saw_nothing():
    round_ = Round([probe("a")], BOX, ports(61000))
    play(round_, lambda t: (143, "Terminated", 0.02))

    assert round_.answers()["a"].outcome is Outcome.ERROR


def test_a_name_server_whose_probe_is_ended_early_leaves_the_next_one():
    box = replace(BOX, nameservers=("10.96.0.10", "10.96.0.11"))
    round_ = Round([probe("n", ProbeKind.DNS, address="", port=0, name="web.test.")], box, ports(1))

    sent = play(round_, cut)

    assert [t.probe.address for t in sent if not t.control] == ["10.96.0.10", "10.96.0.11"]


@pytest.mark.parametrize(("timeout", "overdue"), [(2.0, 8.0), (10.0, 20.0)], ids=["2s", "10s"])
def test_an_answer_is_overdue_some_seconds_after_its_time(timeout, overdue):
    round_ = Round([probe("a", timeout=timeout)], BOX)
    for attempt in list(round_.unsent):
        round_.send(attempt, 100.0)

    assert not round_.overdue(100.0 + overdue - 0.1)
    assert round_.overdue(100.0 + overdue + 0.1)


def test_garbled_answers_are_errors():
    round_ = Round([probe("a"), probe("w", ProbeKind.HTTP)], BOX)
    play(round_, lambda t: (None, "what?", 0.0))

    assert {a.detail for a in round_.answers().values()} == {"the prober's answer is garbled"}


def test_status_and_body_belong_to_http_probes_only():
    box = Toolbox(tools=frozenset({"curl", "base64"}))
    round_ = Round([probe("c")], box)
    text = "npol 200 0.001 10.0.0.2\nexit=0\nbody=aGk="
    play(round_, lambda t: (None, text, 0.0))
    answer = round_.answers()["c"]

    assert (answer.outcome, answer.status, answer.body) == (Outcome.OPEN, 0, "")


def test_without_a_clock_in_the_source_only_an_answer_counts():
    round_ = Round([probe("a"), probe("b", port=81)], BOX)
    for attempt in list(round_.unsent):
        round_.send(attempt, 0.0)
    for attempt in list(round_.sent.values()):
        closed = attempt.probe.port == 81
        code, words = (1, REFUSED) if closed or attempt.control else (0, OPEN)
        round_.end(end(attempt, code, words, at=0.0))
    answers = round_.answers()

    assert (answers["a"].outcome, answers["b"].outcome) == (Outcome.OPEN, Outcome.ERROR)


@pytest.mark.parametrize(
    ("kind", "silent", "control", "late"),
    [
        pytest.param(ProbeKind.CONNECT, 0.9, 0.0, 0.0, id="on-time"),
        pytest.param(ProbeKind.CONNECT, 1.25, 0.0, 0.35, id="ended-late"),
        pytest.param(ProbeKind.CONNECT, 0.9, 0.3, 0.3, id="its-control-took-long"),
        pytest.param(ProbeKind.HTTP, 1.35, 0.0, 0.0, id="a-server-has-half-as-long-again"),
    ],
)
def test_a_silence_says_how_late_its_source_may_have_been(kind, silent, control, late):
    account = "curl: (28) Operation timed out\nnpol 000 0.1 10.0.0.2\nexit=28\nbody="
    said = (124, "") if kind is ProbeKind.CONNECT else (None, account)
    round_ = Round([probe("a", kind, timeout=0.9)], replace(BOX, tools=BOX.tools | {"fractions"}))
    for attempt in list(round_.unsent):
        round_.send(attempt, 0.0)
    for attempt in list(round_.sent.values()):
        code, text, seconds = (1, REFUSED, control) if attempt.control else (*said, silent)
        round_.end(end(attempt, code, text, seconds))

    assert round_.answers()["a"].late == pytest.approx(late)
