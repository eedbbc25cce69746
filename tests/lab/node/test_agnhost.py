"""`agnhost connect` as images of the lab have it: by the protocol that was asked for."""

from __future__ import annotations

import socket

import pytest

from npol_lab.node import agnhost


@pytest.fixture
def listener():
    """A TCP port of this machine on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_tcp_is_open_where_something_listens(listener):
    assert agnhost.main(["connect", "--timeout=5s", listener]) == 0


@pytest.mark.parametrize("protocol", ["sctp", "udp"])
def test_a_tcp_port_is_not_open_over_another_protocol(listener, protocol, capsys):
    """SCTP took TCP's answer: a flow that nobody serves looked open."""
    asked = ["connect", "--timeout=0.2s", f"--protocol={protocol}", listener]

    assert agnhost.main(asked) == 1
    assert capsys.readouterr().err.strip()


def test_a_protocol_that_the_program_lacks_is_refused_by_name(listener, capsys):
    assert agnhost.main(["connect", "--protocol", "icmp", listener]) == 1
    assert capsys.readouterr().err == "Unsupported protocol icmp\n"
