import asyncio
import json
import socket

import pytest

from npol_lab.node.apps import dial
from npol_lab.node.apps.app import Place, UsageError
from npol_lab.node.apps.default import DefaultApp
from npol_lab.node.apps.http_echo import HttpEcho
from npol_lab.node.apps.netexec import Netexec
from npol_lab.node.apps.serve_hostname import Porter, ServeHostname

NETEXEC = ("--http-port=8080", "--udp-port=8081")


def place(sandbox, *arguments, ports=(), env=None, log=None):
    async def shell(command):
        return (0, b"done\n") if command == "good" else (3, b"")

    return Place(
        sandbox=sandbox,
        hostname="web-1",
        arguments=arguments,
        env=env or {},
        ports=ports,
        print=(log if log is not None else []).append,
        shell=shell,
    )


async def get(sandbox, port, target):
    reader, writer = await asyncio.open_connection(sandbox.ip, port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    own = writer.get_extra_info("sockname")
    writer.close()
    return int(head.split()[1]), body.decode(), f"{own[0]}:{own[1]}"


async def ask(sandbox, port, data):
    """One datagram; None when no answer comes."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        await loop.sock_connect(channel, (sandbox.ip, port))
        await loop.sock_sendall(channel, data)
        try:
            return await asyncio.wait_for(loop.sock_recv(channel, 2048), 0.2)
        except TimeoutError:
            return None


def during(kind, made, work):
    async def run():
        app = kind(made)
        try:
            await app.start()
            return await work(app)
        finally:
            await app.stop()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/hostname", 200, "web-1"),
        ("/hostName", 200, "web-1"),
        ("/echo?msg=hello%20you", 200, "hello you"),
        ("/echo?msg=x&code=503", 503, "x"),
        ("/healthz", 200, ""),
        ("/redirect?location=/echo&code=307", 307, ""),
        ("/redirect?code=x", 400, "invalid literal for int() with base 10: 'x'\n"),
        ("/shell?cmd=good", 200, '{"output":"done\\n"}'),
        ("/shell?cmd=bad", 200, '{"error":"exit status 3"}'),
    ],
)
def test_netexec_answers_over_http(sandbox, target, status, body):
    answer = during(Netexec, place(sandbox, *NETEXEC), lambda _: get(sandbox, 8080, target))

    assert answer[:2] == (status, body)


def test_netexec_tells_the_time_everywhere_else(sandbox):
    _, body, _ = during(Netexec, place(sandbox, *NETEXEC), lambda _: get(sandbox, 8080, "/any"))

    assert body.startswith("NOW: ")


def refuse_names(look_up):
    def looked_up(host, *more, **options):
        assert not host.endswith(".test"), "the machine's resolver was asked"
        return look_up(host, *more, **options)

    return looked_up


@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_netexec_asks_the_machines_resolver_for_no_name(sandbox, monkeypatch, protocol):
    monkeypatch.setattr(socket, "getaddrinfo", refuse_names(socket.getaddrinfo))
    target = f"/dial?host=there.test&port=8080&request=hostname&protocol={protocol}"
    _, body, _ = during(Netexec, place(sandbox, *NETEXEC), lambda _: get(sandbox, 8080, target))

    assert "lookup there.test: no such host" in body


def test_what_a_dialled_server_says_is_kept_in_part(sandbox, monkeypatch):
    monkeypatch.setattr(dial, "LONGEST", 200)

    async def work(_):
        return await dial.dial_http(sandbox, sandbox.ip, 8080, f"echo?msg={'x' * 1000}")

    assert 0 < len(during(Netexec, place(sandbox, *NETEXEC), work)) < 200


def test_netexec_names_the_client(sandbox):
    _, body, client = during(
        Netexec, place(sandbox, *NETEXEC), lambda _: get(sandbox, 8080, "/clientip")
    )

    assert body == client


@pytest.mark.parametrize(
    ("data", "answer"),
    [(b"hostname", b"web-1"), (b"echo Hi there\n", b"hi there"), (b"nonsense", None)],
)
def test_netexec_answers_over_udp(sandbox, data, answer):
    found = during(Netexec, place(sandbox, *NETEXEC), lambda _: ask(sandbox, 8081, data))

    assert found == answer


def test_netexec_dials_from_inside_the_pod(sandbox):
    target = f"/dial?host={sandbox.ip}&port=8080&request=hostname&tries=2"
    _, body, _ = during(Netexec, place(sandbox, *NETEXEC), lambda _: get(sandbox, 8080, target))

    assert json.loads(body) == {"responses": ["web-1", "web-1"]}


def test_netexec_ends_with_the_code_it_is_told(sandbox):
    async def leave(app):
        await get(sandbox, 8080, "/exit?code=7")
        return await app.exited

    assert during(Netexec, place(sandbox, *NETEXEC), leave) == 7


def test_netexec_without_udp_is_never_healthy(sandbox):
    made = place(sandbox, "--http-port=8080", "--udp-port=-1")

    assert during(Netexec, made, lambda _: get(sandbox, 8080, "/healthz"))[0] == 412


@pytest.mark.parametrize("argument", ["--no-such-flag=1", "--http-port=x", "stray"])
def test_wrong_arguments_are_refused(sandbox, argument):
    with pytest.raises(UsageError):
        during(Netexec, place(sandbox, argument), None)


def test_http_echo_says_its_text(sandbox):
    made = place(sandbox, "-text=hi", "-listen=:5678")

    assert during(HttpEcho, made, lambda _: get(sandbox, 5678, "/x"))[:2] == (200, "hi\n")


def test_http_echo_needs_a_text(sandbox):
    with pytest.raises(UsageError, match="Missing -text") as caught:
        during(HttpEcho, place(sandbox), None)

    assert caught.value.code == 127


def test_an_unknown_image_answers_on_its_declared_ports(sandbox):
    ports = [{"containerPort": 9000}, {"containerPort": 9001, "protocol": "UDP"}]

    async def both(_):
        return (await get(sandbox, 9000, "/"))[:2], await ask(sandbox, 9001, b"ping")

    found = during(DefaultApp, place(sandbox, ports=ports), both)

    assert found == ((200, "web-1\n"), b"ping")


def test_serve_hostname_and_porter_answer_as_agnhost_does(sandbox):
    made = place(sandbox, "--port=9376")
    assert during(ServeHostname, made, lambda _: get(sandbox, 9376, "/"))[1] == "web-1"

    made = place(sandbox, env={"SERVE_PORT_9090": "ninety"})
    assert during(Porter, made, lambda _: get(sandbox, 9090, "/"))[1] == "ninety"
