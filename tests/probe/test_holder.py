"""The program that holds connections, against servers of this machine."""

import socket
import struct
import sys
import threading
from contextlib import contextmanager

import pytest

from npol.kube.channels import ExecBroken
from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.holder import NO_TOOL, Holder
from tests.probe.conftest import LocalStream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


class Server:
    """Answers requests of one connection; `cue` is what it does with the next one."""

    def __init__(self, sock):
        self.sock, self.cue, self.requests, self.peers = sock, "answer", [], []

    def serve(self):
        while True:
            try:
                connection, peer = self.sock.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        while request := connection.recv(4096):
            self.requests.append(request)
            if self.cue == "fin":
                connection.close()
                return
            if self.cue == "reset":
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                connection.close()
                return
            if self.cue != "silent":
                connection.sendall(CHUNKED if len(self.requests) % 2 else OK)


@contextmanager
def serving():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = Server(sock)
        threading.Thread(target=server.serve, daemon=True).start()
        yield server


@contextmanager
def holding(**options):
    holder = Holder(lambda argv: LocalStream([sys.executable, *argv[1:]]), **options)
    try:
        yield holder
    finally:
        holder.close()


def probe(sock, kind=ProbeKind.HTTP, **more):
    address, port = sock.getsockname()
    return Probe(
        key="k", kind=kind, address=address, port=port, name="web", timeout=0.5, held=True, **more
    )


def now(holder, asked):
    return holder.answers(holder.begin_asking([asked]), deadline=30.0)["k"]


@pytest.mark.parametrize(
    ("cue", "outcome", "words"),
    [
        ("answer", Outcome.OPEN, "was answered"),
        ("silent", Outcome.TIMEOUT, "is unanswered"),
        ("reset", Outcome.RESET, "reset after"),
        ("fin", Outcome.ERROR, "the server ended it"),
    ],
)
def test_one_http_connection_is_held_and_told_of(cue, outcome, words):
    with serving() as server, holding() as holder:
        asked = probe(server.sock)
        assert holder.hold(asked).outcome is Outcome.OPEN
        server.cue = cue

        answer = now(holder, asked)

        assert answer.outcome is outcome, answer
        assert words in answer.detail
        assert len(server.peers) == 1
        assert f"X-Npol-Exchange: {len(server.requests)}".encode() in server.requests[-1]


def test_a_plain_connection_is_held_by_the_kernels_and_sends_no_byte():
    with serving() as server, holding() as holder:
        asked = probe(server.sock, ProbeKind.CONNECT)

        assert holder.hold(asked).outcome is Outcome.OPEN
        assert server.requests == []


def test_datagrams_are_matched_by_their_numbers():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, holding() as holder:
        sock.bind(("127.0.0.1", 0))
        asked = probe(sock, ProbeKind.CONNECT, protocol=Protocol.UDP)
        threading.Thread(target=_echo_twice, args=(sock,), daemon=True).start()

        assert holder.hold(asked).outcome is Outcome.OPEN
        assert now(holder, asked).outcome is Outcome.TIMEOUT


def _echo_twice(sock):
    """The first datagram is answered again and again, as out of a buffer."""
    first, peer = sock.recvfrom(4096)
    sock.sendto(first, peer)
    while True:
        sock.recvfrom(4096)
        sock.sendto(first, peer)


def test_what_is_refused_was_never_open():
    with holding() as holder, socket.create_server(("127.0.0.1", 0)) as sock:
        asked = probe(sock)
        sock.close()

        answer = holder.hold(asked)

    assert answer.outcome is Outcome.ERROR
    assert "never open" in answer.detail


def test_a_broken_exec_is_no_cut():
    with serving() as server, holding() as holder:
        asked = probe(server.sock)
        holder.hold(asked)
        holder.close()

        answer = now(holder, asked)

    assert answer.outcome is Outcome.ERROR


def test_without_python_nothing_is_held_and_it_is_said_why():
    missing = Holder(lambda argv: LocalStream(["sh", "-c", "exec npol-no-python"]))
    with serving() as server:
        answer = missing.hold(probe(server.sock))

    assert answer.outcome is Outcome.ERROR
    assert answer.detail == NO_TOOL


def test_an_exec_that_does_not_start_is_told():
    def refuse(argv):
        raise ExecBroken("no exec: HTTP 403")

    with serving() as server:
        answer = Holder(refuse).hold(probe(server.sock))

    assert answer.outcome is Outcome.ERROR
    assert "403" in answer.detail
