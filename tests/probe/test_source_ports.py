"""Source ports that npol chooses: which there are, how long they rest, what if one is taken."""

import contextlib
import queue
import socket
import threading

import pytest

from npol.model.expectation import Outcome
from npol.model.probe import PodRef, Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.prober import Prober
from npol.probe.source_ports import REST, PortPools, SourcePorts, scattered, usable_ports
from npol.probe.toolbox import Toolbox

from .conftest import SOURCE


@pytest.mark.parametrize(
    ("ephemeral", "ports"),
    [
        pytest.param((32768, 60999), {*range(20000, 30000), *range(61000, 65536)}, id="default"),
        pytest.param((1024, 65535), set(), id="the-kernel-uses-all"),
        pytest.param((40000, 65535), {*range(20000, 30000), *range(32768, 40000)}, id="high"),
    ],
)
def test_source_ports_are_none_of_the_kernel_s_nor_node_ports(ephemeral, ports):
    assert set(usable_ports(ephemeral)) == ports


def test_what_is_bound_already_is_no_source_port():
    usable = usable_ports((32768, 60999))

    assert {*scattered(usable, {61000, 61005})} == {*usable} - {61000, 61005}


def test_each_port_comes_once_and_no_two_orders_go_along_each_other():
    usable = usable_ports((32768, 60999))
    orders = [list(scattered(usable, ())) for _ in range(8)]

    assert all(sorted(order) == list(usable) for order in orders)
    assert len({tuple(order[:3]) for order in orders}) == 8


def test_a_source_port_rests_after_its_probe_is_over():
    ports = SourcePorts([61000])

    assert ports.take(now=100.0, life=8.0) == 61000
    assert ports.take(now=107.9 + REST, life=8.0) is None
    assert ports.take(now=108.0 + REST, life=8.0) == 61000


def test_a_short_probe_gives_its_port_back_before_a_long_one():
    ports = SourcePorts([61000, 61001])
    ports.take(now=0.0, life=60.0)
    ports.take(now=0.0, life=5.0)

    assert ports.take(now=5.0 + REST, life=5.0) == 61001
    assert ports.take(now=5.0 + REST, life=5.0) is None


def pod(uid, *, node="n1", host_network=False):
    return PodRef(
        namespace="ns", name=uid, uid=uid, ip="10.0.0.1", node=node, host_network=host_network
    )


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        pytest.param(pod("a"), pod("b"), False, id="two-pods"),
        pytest.param(pod("a"), pod("a"), True, id="one-pod"),
        pytest.param(
            pod("a", host_network=True), pod("b", host_network=True), True, id="host-network"
        ),
        pytest.param(
            pod("a", host_network=True),
            pod("b", node="n2", host_network=True),
            False,
            id="two-nodes",
        ),
        pytest.param(pod("a", host_network=True), pod("b"), False, id="a-node-and-a-pod-on-it"),
    ],
)
def test_who_shares_a_network_namespace_shares_its_ports(one, other, shared):
    pools = PortPools()

    assert (pools.of(one, Toolbox()) is pools.of(other, Toolbox())) is shared


class Few(PortPools):
    """Certain ports, in this order."""

    def __init__(self, *ports):
        self.ports = SourcePorts(ports)

    def of(self, source, box):
        return self.ports


@pytest.fixture
def taken():
    """A port of this machine that TCP and UDP sockets are bound to."""
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.socket())
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        tcp.listen()
        yield tcp.getsockname()[1]


@pytest.fixture
def free():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def server():
    """A web server that keeps the source ports of its clients: (its port, those)."""
    seen = queue.Queue()

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                client, (_, port) = listener.accept()
                seen.put(port)
                client.settimeout(5)
                with client, contextlib.suppress(OSError):
                    if client.recv(4096):
                        client.sendall(b"HTTP/1.0 200 OK\r\n\r\nok")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1], seen
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("kind", [ProbeKind.CONNECT, ProbeKind.HTTP], ids=["nc", "curl"])
def test_a_port_that_is_taken_is_replaced_and_the_target_sees_the_next_one(
    kind, taken, free, server, start_stream
):
    port, seen = server
    prober = Prober(start_stream, SOURCE, ports=Few(taken, free))
    question = Probe(key="k", kind=kind, address="127.0.0.1", port=port)

    answer = prober.ask([question], deadline=30)["k"]
    prober.close()

    assert (answer.outcome, answer.source_port) == (Outcome.OPEN, free)
    assert seen.get(timeout=5) == free
    assert seen.empty()
    assert str(free) not in answer.command


def test_a_question_over_udp_finds_another_port_too(taken, free, start_stream):
    with socket.socket(type=socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        prober = Prober(start_stream, SOURCE, ports=Few(taken, free))
        question = Probe(
            key="k",
            kind=ProbeKind.CONNECT,
            address="127.0.0.1",
            port=mute.getsockname()[1],
            protocol=Protocol.UDP,
            timeout=1.0,
        )
        answer = prober.ask([question], deadline=30)["k"]
        prober.close()
        _, (_, came_from) = mute.recvfrom(100)

    assert (answer.outcome, answer.source_port) == (Outcome.TIMEOUT, free)
    assert came_from == free


def test_without_a_free_port_the_kernel_chooses_and_nothing_is_claimed(taken, server, start_stream):
    port, seen = server
    prober = Prober(start_stream, SOURCE, ports=Few(taken))
    question = Probe(key="k", kind=ProbeKind.CONNECT, address="127.0.0.1", port=port)

    answer = prober.ask([question], deadline=30)["k"]
    prober.close()

    assert (answer.outcome, answer.source_port) == (Outcome.OPEN, None)
    assert seen.get(timeout=5) != taken
    assert seen.empty()
