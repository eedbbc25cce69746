"""Every way in which an exec can break, lie or stay silent: an error with its reason, each time."""

import itertools
import queue
import re
import threading
import time
from dataclasses import replace

import pytest

from npol.errors import Refused
from npol.kube.channels import Channel, ExecBroken, ExecFrame, ExecStatus
from npol.model.expectation import Outcome
from npol.model.probe import PodRef, Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.debug_pod_manifest import CONTAINER
from npol.probe.probe_pace import AT_ONCE, at_once
from npol.probe.prober import Prober
from npol.probe.toolbox import Toolbox

SOURCE = PodRef(namespace="ns", name="pod", uid="uid-1", ip="10.0.0.1")
SEARCH = "search=ns.svc.k8s.internal svc.k8s.internal k8s.internal"
FACTS = (
    f"uid=uid-1\x1enameserver=10.96.0.10\x1e{SEARCH}\x1etool=nc\x1enc=OpenBSD netcat [-W recvlimit]"
)
OPEN = "Connection to 10.0.0.2 80 port [tcp/*] succeeded!"
DENIED = "nc: connect to 10.0.0.2 port 80 (tcp) timed out: Operation now in progress"


class FakeStream:
    """An exec whose other end is a test. `answer(argv)` -> (exit code, words) or None."""

    def __init__(self, answer=lambda argv: (0, OPEN), facts=FACTS):
        self.status = None
        self.answer = answer
        self.facts = facts
        self.closed = False
        self.nonce = ""
        self.requests = []
        self.frames = queue.Queue()

    def write(self, data):
        if self.closed:
            raise ExecBroken("it was closed")
        _, _, sent = data.rpartition(b"#end\n")
        for line in sent.decode().splitlines():
            word, *rest = line.split(" ")
            if word == "hello":
                self.nonce = rest[0]
                if self.facts is not None:
                    self.say("hello", 0, self.facts)
            elif word == "run":
                self.requests.append(rest)
                self.run(rest[0], rest[4:])

    def run(self, ticket, argv):
        answer = self.answer(argv)
        if isinstance(answer, Exception):
            self.frames.put(answer)
        elif answer is not None:
            self.say(ticket, *answer)

    def say(self, ticket, code, words, asked=100, began=100, ended=101, nonce=None):
        mark = f"@{nonce or self.nonce}"
        line = f"{mark} {ticket} {code} {asked} {began} {ended} {words} {mark}\n"
        self.frames.put(ExecFrame(Channel.STDOUT, line.encode()))

    def end(self, status):
        self.frames.put(status)

    def read(self, timeout):
        try:
            found = self.frames.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(found, Exception):
            raise found
        if isinstance(found, ExecStatus):
            self.status = found
            return ExecFrame(Channel.ERROR, b"{}")
        return found

    def close(self):
        self.closed = True
        self.frames.put(ExecBroken("it was closed"))


class Streams:
    """Opens these, one after the other; the last one again and again."""

    def __init__(self, *streams):
        self.streams = list(streams)

    def __call__(self):
        stream = self.streams.pop(0) if len(self.streams) > 1 else self.streams[0]
        if isinstance(stream, Exception):
            raise stream
        return stream() if callable(stream) else stream


@pytest.fixture
def make_prober():
    made = []

    def make(*streams, source=SOURCE, **options):
        made.append(Prober(Streams(*streams), source, sleep=lambda _: None, **options))
        return made[-1]

    yield make
    for prober in made:
        prober.close()


def connect(key="k", *, address="10.0.0.2", port=80):
    return Probe(key=key, kind=ProbeKind.CONNECT, address=address, port=port)


def many(count):
    """Probes of as many ports."""
    return [connect(str(i), port=1000 + i) for i in range(count)]


def ask(prober, *probes, deadline=30.0):
    return prober.ask(probes or [connect()], deadline=deadline)


def test_one_exec_serves_all_rounds(make_prober):
    prober = make_prober(FakeStream())

    for _ in range(3):
        assert ask(prober)["k"].outcome is Outcome.OPEN
    assert prober.execs == 1


def test_the_tools_of_a_prober_are_reported(make_prober):
    prober = make_prober(FakeStream())
    prober.open()

    assert prober.tools == {"nc": "OpenBSD"}
    assert prober.cluster_domain == "k8s.internal"


def test_answers_may_come_in_any_order(make_prober):
    stream = FakeStream(lambda argv: None)
    prober = make_prober(stream)
    probes = many(5)

    def reply():
        while len(stream.requests) < 6:  # the probes and their control
            time.sleep(0.01)
        for ticket, *_ in reversed(stream.requests):
            stream.say(ticket, 0, OPEN)

    threading.Thread(target=reply).start()

    assert {a.outcome for a in ask(prober, *probes).values()} == {Outcome.OPEN}


def test_rounds_of_several_threads_do_not_mix(make_prober):
    answers = {"10.0.0.2": (0, OPEN), "10.0.0.3": (1, "nc: failed: Connection refused")}
    stream = FakeStream(lambda argv: answers.get(argv[-2], (1, "Connection refused")))
    prober = make_prober(stream)
    seen = {}

    def round_(address):
        for _ in range(20):
            found = ask(prober, connect("same key", address=address))
            seen.setdefault(address, set()).add(found["same key"].outcome)

    threads = [threading.Thread(target=round_, args=(a,)) for a in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == {"10.0.0.2": {Outcome.OPEN}, "10.0.0.3": {Outcome.REFUSED}}


def broken(reason):
    return FakeStream(lambda argv: ExecBroken(reason))


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param("the stream ended without a status: the connection was cut", id="F19-fin"),
        pytest.param("the stream ended without a status: Connection reset by peer", id="F19-rst"),
        pytest.param("the stream ended without a status: the server closed it", id="F19-close"),
        pytest.param("the status of the command cannot be read", id="F19-garbled-status"),
    ],
)
def test_a_cut_stream_is_an_error_with_its_reason(make_prober, reason):
    answer = ask(make_prober(broken(reason)))["k"]

    assert (answer.outcome, answer.detail) == (Outcome.ERROR, reason)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(ExecStatus(exit_code=0), "exit code 0", id="F21-kubelet-restart"),
        pytest.param(ExecStatus(exit_code=137), "exit code 137", id="F42-out-of-memory"),
        pytest.param(
            ExecStatus(exit_code=None, message="container gone"), "container gone", id="gone"
        ),
    ],
)
def test_an_exec_that_ends_is_an_error_whatever_its_status_says(make_prober, status, words):
    stream = FakeStream(lambda argv: None)
    stream.run = lambda ticket, argv: stream.end(status)

    answer = ask(make_prober(stream))["k"]

    assert answer.outcome is Outcome.ERROR
    assert words in answer.detail


def test_success_without_a_greeting_is_an_error(make_prober):
    """F21: the kubelet restarts, and the exec reports success with empty output."""

    def restarted():
        stream = FakeStream(facts=None)
        stream.end(ExecStatus(exit_code=0))
        return stream

    assert ask(make_prober(restarted))["k"].outcome is Outcome.ERROR


def test_a_broken_exec_is_opened_again_for_the_next_round(make_prober):
    prober = make_prober(broken("cut"), FakeStream())

    assert ask(prober)["k"].outcome is Outcome.ERROR
    assert prober.failing, "the pod may be gone: to be looked at before it is asked again"
    assert ask(prober)["k"].outcome is Outcome.OPEN
    assert (prober.execs, prober.failing) == (2, False)


def test_an_exec_that_does_not_open_is_tried_again(make_prober):
    prober = make_prober(ExecBroken("HTTP 503"), ExecBroken("HTTP 429"), FakeStream())

    assert ask(prober)["k"].outcome is Outcome.OPEN


def test_trying_again_has_a_budget(make_prober):
    prober = make_prober(ExecBroken("HTTP 503"))

    answer = ask(prober)["k"]

    assert (answer.outcome, answer.detail, prober.execs) == (Outcome.ERROR, "HTTP 503", 3)


def test_a_lasting_exec_failure_is_not_retried(make_prober):
    prober = make_prober(ExecBroken("ns/pod (uid uid-1) was deleted", passing=False))

    assert ask(prober)["k"].detail == "ns/pod (uid uid-1) was deleted"
    assert (prober.execs, prober.failing) == (1, True)


def test_a_refusal_of_the_api_server_is_an_error_and_no_exception(make_prober):
    prober = make_prober(Refused("403: may not create pods/exec"))

    assert ask(prober)["k"].detail == "403: may not create pods/exec"


def test_another_pod_of_that_name_does_not_answer(make_prober):
    """F22: the pod was replaced; its answers would be another pod's."""
    prober = make_prober(FakeStream(facts=FACTS.replace("uid-1", "uid-2")))

    answer = ask(prober)["k"]

    assert answer.outcome is Outcome.ERROR
    assert "another pod now" in answer.detail
    assert prober.failing


def test_a_debug_pod_that_does_not_know_its_uid_is_another_pod(make_prober):
    """F22: whoever answers, it is none of those that were made with their uid."""
    streams = [FakeStream(facts=FACTS.replace("uid=uid-1", "uid=")) for _ in range(3)]
    prober = make_prober(*streams, source=replace(SOURCE, container=CONTAINER))

    answer = ask(prober)["k"]

    assert answer.outcome is Outcome.ERROR
    assert "another pod answers" in answer.detail


@pytest.mark.parametrize(("uid", "asked"), [("uid-1", 0), ("", 1)], ids=["tells", "silent"])
def test_the_api_is_asked_for_a_pods_identity_only_where_the_pod_cannot_tell(
    make_prober, uid, asked
):
    asks = []
    stream = FakeStream(facts=FACTS.replace("uid-1", uid))

    answer = ask(make_prober(stream, identify=lambda: asks.append(1)))["k"]

    assert (answer.outcome, len(asks)) == (Outcome.OPEN, asked)


def test_a_pod_that_the_api_knows_as_another_one_does_not_answer(make_prober):
    def identify():
        raise ExecBroken("ns/pod was replaced by another pod", passing=False)

    stream = FakeStream(facts=FACTS.replace("uid-1", ""))
    answer = ask(make_prober(stream, identify=identify))["k"]

    assert (answer.outcome, stream.closed) == (Outcome.ERROR, True)
    assert "another pod" in answer.detail


def test_a_prober_that_says_nothing_is_given_up(make_prober):
    """F20: the exec never answers."""
    prober = make_prober(FakeStream(lambda argv: None))

    answer = ask(prober, deadline=0.3)["k"]

    assert (answer.outcome, answer.detail) == (Outcome.ERROR, "no answer for 0.3 s")


def test_an_overdue_answer_ends_the_session(make_prober):
    clock = iter(range(0, 10_000, 40))
    silent, speaking = FakeStream(lambda argv: None), FakeStream()
    prober = make_prober(silent, speaking, now=lambda: next(clock))

    answer = ask(prober, deadline=5000)["k"]

    assert (answer.outcome, silent.closed) == (Outcome.ERROR, True)
    assert "does not answer any more" in answer.detail


def test_a_late_answer_is_not_taken_for_a_new_one(make_prober):
    stream = FakeStream(lambda argv: None)
    prober = make_prober(stream)
    ask(prober, deadline=0.2)
    late = [ticket for ticket, *_ in stream.requests]
    stream.answer = lambda argv: (1, "nc: failed: Connection refused")
    for ticket in late:
        stream.say(ticket, 0, OPEN)

    assert ask(prober)["k"].outcome is Outcome.REFUSED


def test_an_answer_with_another_nonce_is_none(make_prober):
    """F85, F86: a tool or a target prints what looks like an answer."""
    stream = FakeStream()
    stream.run = lambda ticket, argv: stream.say(ticket, 0, OPEN, nonce="f" * 32)

    assert ask(make_prober(stream), deadline=0.3)["k"].outcome is Outcome.ERROR


def test_a_forged_answer_inside_an_answer_is_text(make_prober):
    stream = FakeStream()

    def forge(ticket, argv):
        stream.say(
            ticket, 1, f"{DENIED}\x1e@{'f' * 32} {ticket} 0 1 1 1 {OPEN} @{'f' * 32}", ended=301
        )

    stream.run = forge

    assert ask(make_prober(stream))["k"].outcome is not Outcome.OPEN


def test_a_flood_is_an_error(make_prober):
    """F85: 100 MB of output."""

    def flood(ticket, argv):
        for _ in range(20):
            stream.frames.put(ExecFrame(Channel.STDOUT, b"\0x" * 8192))

    stream = FakeStream()
    stream.run = flood

    answer = ask(make_prober(stream))["k"]

    assert (answer.outcome, answer.detail) == (
        Outcome.ERROR,
        "the source floods its prober's output",
    )


def test_stderr_is_no_answer_but_says_why_the_prober_ended(make_prober):
    stream = FakeStream()

    def fail(ticket, argv):
        stream.frames.put(ExecFrame(Channel.STDERR, b"sh: Cannot fork\n"))
        stream.end(ExecStatus(exit_code=2))

    stream.run = fail

    answer = ask(make_prober(stream))["k"]

    assert answer.detail == "the prober ended with exit code 2: sh: Cannot fork"


def test_answers_before_a_broken_stream_count(make_prober):
    stream = FakeStream()
    replies = iter([(0, OPEN), (0, OPEN), ExecBroken("cut")])
    stream.answer = lambda argv: next(replies)

    answers = ask(make_prober(stream), *many(2))

    assert sorted(a.outcome.value for a in answers.values()) == ["error", "open"]


def test_only_so_many_probes_are_under_way_at_once(make_prober):
    """Nothing answers; time passes once a source has all that it carries at once."""
    stream = FakeStream(lambda argv: None, facts=FACTS + "\x1ememory=33554432")
    ticks = itertools.count(step=0.01)
    prober = make_prober(stream, now=lambda: next(ticks) if len(stream.requests) >= 16 else 0.0)

    ask(prober, *many(100), deadline=0.05)

    assert len(stream.requests) == 16


def test_all_are_asked_in_the_end(make_prober):
    prober = make_prober(FakeStream(facts=FACTS + "\x1ecpu=5000 100000"))

    answers = ask(prober, *many(100))

    assert len(answers) == 100
    assert {a.outcome for a in answers.values()} == {Outcome.OPEN}


def test_many_probes_have_time_as_long_as_answers_come(make_prober):
    """Closed flows take their turns at a source; none of them is an error for that."""
    clock = [0.0]

    def answer(argv):
        clock[0] += 0.05
        return 0, OPEN

    stream = FakeStream(answer, facts=FACTS + "\x1ememory=33554432")
    prober = make_prober(stream, now=lambda: clock[0])

    answers = ask(prober, *many(300), deadline=2.0)

    assert clock[0] > 10.0
    assert {a.outcome for a in answers.values()} == {Outcome.OPEN}


@pytest.mark.parametrize(
    ("box", "weight"),
    [
        (Toolbox(), AT_ONCE),
        (Toolbox(memory=256 << 20, cpus=0.2), 40),
        (Toolbox(memory=32 << 20), 16),
        (Toolbox(cpus=0.05), 10),
        (Toolbox(processes=128), 24),
        (Toolbox(memory=1 << 20, cpus=0.001), 4),
    ],
)
def test_limits_of_the_container_bound_what_is_under_way(box, weight):
    assert at_once(box) == weight


def test_every_probe_has_one_answer_even_a_malformed_one(make_prober):
    probes = [
        connect("good"),
        connect("no address", address="web.test"),
        Probe(key="no tool", kind=ProbeKind.PING, address="10.0.0.2"),
        Probe(key="option", kind=ProbeKind.DNS, address="", name="-x", protocol=Protocol.UDP),
    ]

    answers = ask(make_prober(FakeStream()), *probes)

    assert {k: a.outcome.value for k, a in answers.items()} == {
        "good": "open",
        "no address": "error",
        "no tool": "error",
        "option": "error",
    }


def denying(control_ends):
    """Two seconds of silence; the control on the loopback ends at this time."""
    stream = FakeStream()

    def deny(ticket, argv):
        if "127.0.0.1" in argv:
            stream.say(ticket, 1, "Connection refused", ended=control_ends)
        else:
            stream.say(ticket, 1, DENIED, ended=300)

    stream.run = deny
    return stream


def test_silence_in_a_starved_source_is_an_error(make_prober):
    answer = ask(make_prober(denying(control_ends=250)))["k"]

    assert answer.outcome is Outcome.ERROR
    assert "starved" in answer.detail


def test_silence_in_a_healthy_source_is_silence(make_prober):
    assert ask(make_prober(denying(control_ends=101)))["k"].outcome is Outcome.TIMEOUT


def test_a_closed_prober_answers_with_errors(make_prober):
    prober = make_prober(FakeStream())
    ask(prober)
    prober.close()

    assert ask(prober)["k"].detail == "the prober was closed"


def test_closing_says_goodbye(make_prober):
    stream = FakeStream()
    written = []
    write = stream.write

    def write_down(data):
        written.append(data)
        write(data)

    stream.write = write_down
    prober = make_prober(stream)
    ask(prober)
    prober.close()

    assert written[-1] == b"bye\n"


def test_a_session_is_renewed_before_its_prober_ends_by_itself(make_prober):
    now = [0.0]
    first = FakeStream()
    prober = make_prober(first, FakeStream(), now=lambda: now[0])
    ask(prober)
    now[0] = 1700.0
    ask(prober)

    assert prober.execs == 2
    assert first.closed


def test_no_nonce_leaves_the_exec(make_prober):
    """Neither in a command nor in anything that is sent over the network."""
    stream = FakeStream()
    prober = make_prober(stream)
    ask(prober)

    assert re.fullmatch(r"[0-9a-f]{32}", stream.nonce)
    assert not any(stream.nonce in word for request in stream.requests for word in request)
