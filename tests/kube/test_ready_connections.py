"""Connections that are opened before they are needed."""

import socket

import pytest

from npol.kube.ready_connections import READY_FOR, ReadySockets
from npol.kube.tunnel import Dial


class Ahead:
    """Sockets opened ahead, with their far ends, and a clock that only tests move."""

    def __init__(self):
        self.now = 0.0
        self.far = []
        self.ready = ReadySockets(self.dial, now=lambda: self.now)

    def dial(self, within):
        near, far = socket.socketpair()
        self.far.append(far)
        return near


@pytest.fixture
def ahead():
    made = Ahead()
    yield made
    made.ready.close()
    for far in made.far:
        far.close()


def test_connection_that_was_opened_ahead_is_taken_once(ahead):
    ahead.ready.add_one()

    taken = ahead.ready.take()

    assert taken is not None
    taken.sendall(b"x")
    assert ahead.far[0].recv(1) == b"x"
    assert ahead.ready.take() is None
    taken.close()


def test_connection_that_the_server_has_closed_is_not_taken(ahead):
    for _ in range(2):
        ahead.ready.add_one()
    ahead.far[0].close()

    taken = ahead.ready.take()

    assert taken is not None
    taken.sendall(b"x")
    assert ahead.far[1].recv(1) == b"x"
    taken.close()


def test_connection_that_a_server_may_soon_close_is_not_taken(ahead):
    ahead.ready.add_one()
    ahead.now = READY_FOR

    assert ahead.ready.take() is None


def test_what_cannot_be_opened_ahead_is_missing():
    def refused(within):
        raise ConnectionRefusedError

    ready = ReadySockets(refused)
    ready.add_one()

    assert ready.take() is None


def test_what_was_not_taken_is_closed_at_the_end_and_nothing_is_kept_after_it(ahead):
    ahead.ready.add_one()
    ahead.ready.close()
    ahead.ready.add_one()

    assert [far.recv(1) for far in ahead.far] == [b"", b""]


def test_exec_goes_over_the_connection_that_is_open_already():
    near, far = socket.socketpair()
    dial = Dial(
        url="wss://10.0.0.1", headers=(), tls=None, tls_name="", proxy=None, ready=lambda: near
    )

    with near, far:
        assert dial.open(3.0) is near
        assert near.gettimeout() == 3.0
