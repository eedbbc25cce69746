"""prober.sh in each shell that it must run in: what it runs, what it says, how it ends."""

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from npol.kube.channels import Channel
from npol.probe.command import Capture, Command
from npol.probe.framing import BODY_BYTES, Frames, bye, end, hello, program, requests
from npol.probe.toolbox import parse_toolbox

NONCE = "c0ffee" * 5
GREETINGS = 20
"""At most, until one has named what is there."""


class Talk:
    """A program that was started, and what it says."""

    def __init__(self, stream):
        self.stream = stream
        self._frames = Frames(NONCE)
        self.stream.write(program() + hello(NONCE, 60))
        self.greeting = self.frames(1)[0]

    def send(self, *commands):
        self.stream.write(requests([(f"r{i}", c) for i, c in enumerate(commands)]))

    def frames(self, count, within=30.0):
        deadline, found = time.monotonic() + within, []
        while len(found) < count:
            message = self.stream.read(deadline - time.monotonic())
            assert message is not None, f"only {found}"
            assert message.channel is not Channel.ERROR, message
            if message.channel is Channel.STDOUT:
                found += self._frames.feed(message.data)
        return found

    def answers(self, *commands, within=30.0):
        """The answers to these commands, in their order."""
        self.send(*commands)
        frames = {frame.id: frame for frame in self.frames(len(commands), within)}
        return [frames[f"r{i}"] for i in range(len(commands))]


@pytest.fixture
def talk(shell, start_stream):
    talking = Talk(start_stream(shell))
    yield talking
    talking.stream.write(bye())
    assert talking.stream.wait(10) == 0


def run(*argv, **options):
    return Command(tool=argv[0], reader="nc", argv=argv, **options)


def test_the_prober_script_greets_with_its_host_and_tools(talk):
    pairs = [line.split("=", 1) for line in talk.greeting.words.split("\n")]
    tools = {value for name, value in pairs if name == "tool"}

    assert dict(pairs)["host"] == os.uname().nodename
    assert {"nc", "curl", "dig", "timeout", "base64"} <= tools


def test_the_greeting_says_which_ports_are_not_to_be_chosen(shell, start_stream):
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(bound(socket.SOCK_STREAM))
        tcp.listen()
        udp = stack.enter_context(bound(socket.SOCK_DGRAM))
        mine, seen = {tcp.getsockname()[1], udp.getsockname()[1]}, set()
        # The kernel's list leaves out sockets now and then while others are opened and closed.
        for _ in range(GREETINGS):
            box = parse_toolbox(Talk(start_stream(shell)).greeting.words)
            seen |= mine & set(box.bound)
            if seen == mine:
                break

        assert seen == mine
    words = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert box.ephemeral == tuple(map(int, words))


def bound(kind):
    """A socket on a port that the kernel chose, and so above the first that is looked at."""
    found = socket.socket(type=kind)
    found.bind(("127.0.0.1", 0))
    return found


def test_commands_run_with_their_arguments_as_they_are(talk):
    words = ["-n", "a b", "$(id)", "`id`", "'\"", "*", "\\n", "\\0101", "ü", "-", "x\ny\n"]

    (answer,) = talk.answers(run("printf", "<%s>\\n", *words))

    assert answer.words == "\n".join(f"<{w}>" for w in words)


def test_no_argument_is_ever_a_command(talk, tmp_path):
    canary = tmp_path / "canary"
    evil = [f"$(touch {canary})", f"`touch {canary}`", f";touch {canary};", f"\ntouch {canary}\n"]

    talk.answers(run("true", *evil), run("cat", input="".join(evil).encode()))

    assert not canary.exists()


def test_exit_codes_and_words_come_back(talk):
    (answer,) = talk.answers(run("sh", "-c", "echo out; echo err >&2; exit 7"))

    assert (answer.exit_code, answer.words) == (7, "out\nerr")


def test_a_missing_program_exits_with_127(talk):
    (answer,) = talk.answers(run("no-such-tool"))

    assert answer.exit_code == 127


def test_a_killed_command_says_so(talk):
    (answer,) = talk.answers(run("sh", "-c", "kill -9 $$"))

    assert answer.exit_code == 137


def test_bodies_come_back_byte_by_byte(talk):
    body = bytes(range(256)) * 4
    packed = base64.b64encode(body).decode()
    script = f"echo words >&2; echo {packed} | base64 -d; exit 3"

    (answer,) = talk.answers(run("sh", "-c", script, capture=Capture.BODY))

    assert (answer.exit_code, answer.words, answer.body) == (3, "words", body)


def test_bodies_are_cut_and_their_writer_is_ended(talk):
    (answer,) = talk.answers(run("yes", "x" * 50, capture=Capture.BODY), within=30)

    assert len(answer.body) == BODY_BYTES
    assert answer.exit_code == 141


def test_stdin_is_what_was_given(talk):
    payload = b"a\0b\nc\\d %s"

    (answer,) = talk.answers(run("cat", input=payload, capture=Capture.BODY))

    assert (answer.exit_code, answer.words, answer.body) == (0, "", payload)


def test_a_command_without_input_finds_its_stdin_empty(talk):
    first, second = talk.answers(run("cat"), run("cat", capture=Capture.BODY))

    assert (first.words, second.words, second.body) == ("", "", b"")


def test_long_output_is_cut_to_one_write(talk):
    (answer,) = talk.answers(run("sh", "-c", "yes | head -c 100000"))

    assert len(answer.words) == 3600


def test_hundreds_of_answers_at_once_stay_whole(talk):
    text = "y" * 3500
    commands = [run("printf", "%s", text) for _ in range(100)]

    answers = talk.answers(*commands, within=30)

    assert {a.words for a in answers} == {text}
    assert len(answers) == 100


def test_commands_run_side_by_side(talk):
    began = time.monotonic()
    talk.answers(*[run("sleep", "0.5") for _ in range(10)])

    assert time.monotonic() - began < 4  # one after the other would be 5


def descendants(pid):
    """The command lines of all processes of the session that a stream began."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == pid:
                lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return lines


def until(condition, within=30.0):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(talk, words):
    return any(line.startswith(words) for line in descendants(talk.stream.pid))


@pytest.mark.parametrize("limit", [0.0, 60.0], ids=["alone", "under-timeout"])
@pytest.mark.parametrize("capture", list(Capture), ids=lambda c: c.value)
def test_a_command_is_ended_on_request_and_leaves_nobody_behind(talk, capture, limit):
    talk.send(run("sleep", "61.25", capture=capture, limit=limit))
    until(lambda: runs(talk, "sleep 61.25"))

    talk.stream.write(end(["r0"]))
    (answer,) = talk.frames(1)

    assert answer.exit_code == 143
    until(lambda: not runs(talk, "sleep 61.25") and not runs(talk, "timeout"))


def test_of_many_commands_only_those_asked_for_are_ended(talk):
    talk.send(*[run("sleep", str(60 + i)) for i in range(8)])
    until(lambda: sum(x.startswith("sleep 6") for x in descendants(talk.stream.pid)) == 8)

    talk.stream.write(end([f"r{i}" for i in range(1, 8)]))
    ended = talk.frames(7)

    assert {frame.exit_code for frame in ended} == {143}
    assert runs(talk, "sleep 60")
    talk.stream.write(end(["r0"]))
    talk.frames(1)


def test_what_a_command_says_although_it_is_ended_is_read(talk):
    script = "exec 3>&2 2>/dev/null; sleep 61.5; echo words >&3; echo body; exit 0"
    talk.send(run("bash", "-c", script, capture=Capture.BODY), run("bash", "-c", script))
    until(lambda: len([x for x in descendants(talk.stream.pid) if x.startswith("sleep 61.5")]) == 2)

    talk.stream.write(end(["r0", "r1"]))
    frames = {frame.id: frame for frame in talk.frames(2)}

    first = frames["r0"]
    assert (first.exit_code, first.words, first.body) == (0, "words", b"body\n")
    assert (frames["r1"].exit_code, frames["r1"].words) == (0, "words\nbody")


@pytest.mark.parametrize("name", ["r0", "unknown", "$(id)", "*"])
def test_there_is_nothing_to_end_where_nothing_runs(talk, name):
    talk.answers(run("true"))

    talk.stream.write(end([name]))

    assert talk.answers(run("echo", "on"))[0].words == "on"


def test_a_process_that_took_over_the_number_of_an_ended_one_is_left_alone(shell, start_stream):
    parent = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    stream = start_stream(shell)
    taken_over = program().replace(b"\nrunning=\n", b"\nrunning=r9:%d\n" % parent.pid)
    assert taken_over != program()
    try:
        until(lambda: any(line.startswith("sleep 60") for line in descendants(parent.pid)))
        stream.write(taken_over + hello(NONCE, 60) + end(["r9"]) + bye())
        stream.wait(10)

        assert any(line.startswith("sleep 60") for line in descendants(parent.pid))
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()


def test_a_limit_ends_a_command(talk):
    (answer,) = talk.answers(run("sleep", "30", limit=0.3))

    assert answer.exit_code in (124, 143)
    assert answer.ended - answer.began < 2


def test_ended_commands_leave_no_zombies(talk):
    for _ in range(10):
        talk.answers(*[run("true") for _ in range(10)])
    children = f"/proc/{talk.stream.pid}/task/{talk.stream.pid}/children"
    with open(children) as file:
        left = file.read().split()

    assert len(left) < 30, "its timer, and what the last rounds left to be waited for"


def test_the_prober_script_ends_with_its_stdin(shell, start_stream):
    stream = Talk(start_stream(shell)).stream
    stream.close_stdin()

    assert stream.wait(5) == 0


def test_the_prober_script_ends_by_its_own_timer(shell, start_stream):
    stream = start_stream(shell)
    stream.write(program() + hello(NONCE, 1))

    assert stream.wait(15) != 0


def test_a_truncated_prober_script_does_not_run(shell, start_stream):
    stream = start_stream(shell)
    stream.write(program()[:2000])
    stream.close_stdin()

    assert stream.wait(5) == 97


def test_proxies_of_the_container_are_not_used(shell, start_stream):
    proxies = {"http_proxy": "http://192.0.2.1:1", "ALL_PROXY": "192.0.2.1"}
    talking = Talk(start_stream(shell, env={**os.environ, **proxies}))

    (answer,) = talking.answers(run("env"))

    assert "192.0.2.1" not in answer.words


def test_nothing_is_written_to_any_file(shell, start_stream, tmp_path):
    """It must run on a read-only file system: no temporary files, no here-documents."""
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=open,openat,creat", "-o", str(trace)]
    if not shutil.which("strace"):
        pytest.skip("no strace on this machine")
    stream = start_stream(shell, prefix=strace)
    command = run("cat", input=b"x", capture=Capture.BODY)
    stream.write(program() + hello(NONCE, 1) + requests([("r1", command)]) + bye())
    stream.wait(20)
    opened = [
        line for line in trace.read_text().splitlines() if "O_WRONLY" in line or "O_RDWR" in line
    ]

    assert {line.split('"')[1] for line in opened} <= {"/dev/null", "/dev/tty"}
