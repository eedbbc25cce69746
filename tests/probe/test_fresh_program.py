"""The program of a fresh pod, run as it is, on this machine."""

import errno
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from npol.model.fresh_try import FreshLog, LoggedTry
from npol.probe.fresh_program import (
    BOOT,
    COMMAND,
    PROGRAM,
    FreshProgram,
    ends_input,
    parse_fresh_log,
    wait_input,
)
from tests.probe.test_debug_pod_manifest import pod

PYTHON = (sys.executable, "-I", "-S", "-c")


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening.getsockname()


@pytest.fixture
def nobody():
    """A port at which nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        address = listening.getsockname()
    return address


def codes(log, index=0):
    return {one.code for one in log.tries if one.index == index}


def test_it_asks_from_its_first_instant_and_numbers_its_tries(server, nobody):
    program = FreshProgram(ends=(server, nobody))
    words = [program.arguments[0], "ask", "0.3", "0.02", "0.2", *program.arguments[5:]]

    done = subprocess.run([*PYTHON, *words], capture_output=True, text=True, timeout=60)

    log = parse_fresh_log(done.stdout)
    assert done.stderr == ""
    assert (codes(log), codes(log, 1)) == ({0}, {errno.ECONNREFUSED})
    assert sorted({t.number for t in log.tries}) == [*range(1, len(log.tries) // 2 + 1)]
    assert all(log.started <= t.began <= t.ended for t in log.tries)


def test_it_waits_to_be_told_where_to_ask_and_ends_when_told(server):
    process = subprocess.Popen(
        [*PYTHON, BOOT, "wait", "60", "0.01", "0.2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        process.stdin.write(wait_input())
        process.stdin.flush()
        assert process.stdout.readline() == b"?\n"
        process.stdin.write(ends_input([server]))
        process.stdin.flush()
        said = [process.stdout.readline() for _ in range(4)]
        process.stdin.write(b"end\n")
        process.stdin.flush()
        rest = process.stdout.read()

    assert codes(parse_fresh_log((b"".join(said) + rest).decode())) == {0}


def test_it_answers_on_its_ports(nobody):
    process = subprocess.Popen(
        [*PYTHON, *FreshProgram(ports=(nobody[1],)).arguments], stdout=subprocess.PIPE, text=True
    )
    with process:
        log = parse_fresh_log(process.stdout.readline() + process.stdout.readline())
        for _ in range(3):
            with socket.create_connection(nobody, timeout=30) as one:
                assert one.recv(1) == b""
        process.terminate()

    assert log.started <= log.answers


def test_what_is_no_line_of_the_program_is_no_try():
    text = "~ 10.5\n1 0 10.6 10.7 0\n2 0 10.7 11.6 -\n3 0 10.8\nsh: python3: not found\n"

    tried = [
        LoggedTry(number=1, index=0, began=10.6, ended=10.7, code=0),
        LoggedTry(number=2, index=0, began=10.7, ended=11.6, code=None),
    ]
    words = "3 0 10.8 sh: python3: not found"
    assert parse_fresh_log(text) == FreshLog(started=10.5, tries=tuple(tried), words=words)


def test_a_fresh_pod_has_its_program_as_its_command_and_a_name_for_each_turn():
    first, second = (pod(program=FreshProgram(ports=(80,)), turn=turn) for turn in (1, 2))
    asks = pod(program=FreshProgram(ends=(("10.0.0.1", 80),)), turn=1)

    assert first["metadata"]["name"] != second["metadata"]["name"]
    command = first["spec"]["containers"][0]["command"]
    assert command == ["sh", "-c", COMMAND, "3600", PROGRAM.strip(), "serve", "80"]
    assert "sysctls" in first["spec"]["securityContext"], "an ordinary user listens on port 80"
    assert "sysctls" not in asks["spec"]["securityContext"]


def test_a_shell_takes_the_program_as_it_is():
    assert not set("'\\") & set(PROGRAM)
