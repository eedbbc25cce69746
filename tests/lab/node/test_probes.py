import asyncio

import pytest

from npol_lab.node.probes import ENOUGH, Failed, Means, Tally, ask, resolve

PORTS = [{"name": "http", "containerPort": 3001}]


async def answered(probe, answer=None, *, run=None):
    """Ask a server that answers each connection with `answer`; None: nobody listens."""

    served = []

    async def serve(reader, writer):
        served.append(asyncio.current_task())
        await reader.readline()
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if answer is None:
        server.close()
    means = Means(
        address="127.0.0.1",
        ports=[{"name": "http", "containerPort": port}],
        connect=asyncio.open_connection,
        run=run,
    )
    try:
        await ask(probe, means)
    finally:
        server.close()
        await asyncio.gather(*served, return_exceptions=True)


def http(path="/"):
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 1}


@pytest.mark.parametrize("status", [200, 204, 301, 399])
def test_http_probe_takes_2xx_and_3xx_for_good(status):
    asyncio.run(answered(http(), f"HTTP/1.1 {status} X\r\n\r\n".encode()))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 503 X\r\n\r\n", "HTTP probe failed with statuscode: 503"),
        (b"HTTP/1.0 404 X\r\n\r\n", "HTTP probe failed with statuscode: 404"),
        (b"SSH-2.0\r\n", "malformed HTTP response"),
        (b"", "EOF"),
        (None, "connect: connection refused"),
    ],
)
def test_http_probe_says_what_it_got(answer, why):
    with pytest.raises(Failed, match=why):
        asyncio.run(answered(http(), answer))


def test_tcp_probe_wants_a_connection_only():
    asyncio.run(answered({"tcpSocket": {"port": "http"}}, b""))
    with pytest.raises(Failed, match=r"dial tcp 127\.0\.0\.1:[0-9]+: connect: connection refused"):
        asyncio.run(answered({"tcpSocket": {"port": "http"}}))


def test_what_a_failed_command_says_is_told_in_part():
    async def shout(command):
        return 1, b"x" * (1 << 20)

    means = Means(address="x", ports=PORTS, connect=asyncio.open_connection, run=shout)
    with pytest.raises(Failed) as caught:
        asyncio.run(ask({"exec": {"command": ["shout"]}}, means))

    assert str(caught.value) == "x" * ENOUGH


def test_probe_without_an_answer_ends_at_its_timeout():
    async def hang(address, port):
        await asyncio.Event().wait()

    means = Means(address="x", ports=PORTS, connect=hang, run=None)
    probe = {"httpGet": {"port": 80}, "timeoutSeconds": 0.05}
    with pytest.raises(Failed, match="context deadline exceeded"):
        asyncio.run(ask(probe, means))


@pytest.mark.parametrize(("code", "good"), [(0, True), (1, False)])
def test_exec_probe_goes_by_the_exit_code(code, good):
    async def run(argv):
        assert argv == ["cat", "/ready"]
        return code, b"no such file"

    work = answered({"exec": {"command": ["cat", "/ready"]}}, b"", run=run)
    if good:
        asyncio.run(work)
    else:
        with pytest.raises(Failed, match="no such file"):
            asyncio.run(work)


@pytest.mark.parametrize(("port", "number"), [(80, 80), ("http", 3001), ("8080", 8080)])
def test_ports_resolve_by_number_and_name(port, number):
    assert resolve(port, PORTS) == number


def test_unknown_port_names_fail():
    with pytest.raises(Failed, match="couldn't find port: web"):
        resolve("web", PORTS)


def test_results_count_from_their_threshold():
    tally = Tally(success_threshold=2, failure_threshold=3)

    counted = [tally.add(good) for good in (True, True, False, False, True, False, False, False)]

    assert counted == [None, True, None, None, None, None, None, False]
