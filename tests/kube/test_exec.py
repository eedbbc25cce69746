"""The exec reader: a whole answer is a result, everything else is ExecBroken. Never a verdict."""

from __future__ import annotations

import asyncio
import json
import threading
import time as real_time

import pytest
from aiohttp import WSCloseCode, web

from npol.errors import ExitCode, Refused
from npol.kube.channels import Channel, ExecBroken, ExecStatus, status_of
from npol.kube.connection import Mode
from npol.kube.exec import open_exec, run_once
from npol.model.probe import PodRef
from tests.kube.fake_api import EXEC, cut, mute, reply, reset, status

POD = PodRef(namespace="default", name="web-0", uid="u1", ip="10.0.0.1")
OUT, ERR, END = b"\x01", b"\x02", b"\x03"
SUCCESS = END + b'{"metadata":{},"status":"Success"}'


def failure(code):
    cause = {"reason": "ExitCode", "message": str(code)}
    body = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}}
    return END + json.dumps(body).encode()


def websocket(talk, protocols=("v5.channel.k8s.io", "v4.channel.k8s.io"), **settings):
    """An exec whose stream is `talk(ws, nonce)`."""

    async def answer(request):
        ws = web.WebSocketResponse(protocols=protocols, **settings)
        await ws.prepare(request)
        command = request.query.getall("command")
        await talk(ws, command[4] if len(command) > 4 else "")
        await asyncio.sleep(0)
        return ws

    return answer


def speaking(*messages, then=None, **settings):
    """An exec that sends these (`{n}` is the nonce), then closes."""

    async def talk(ws, nonce):
        for message in messages:
            await ws.send_bytes(message.replace(b"{n}", nonce.encode()))
        if then:
            await then(ws)
        else:
            await ws.close()

    return websocket(talk, **settings)


async def fin(ws):
    ws._req.transport.close()


async def rst(ws):
    await reset(ws._req)


async def silence(ws):
    await asyncio.sleep(30)


START, DONE = OUT + b"{n}<\n", OUT + b"\n{n}>0\n"


@pytest.fixture
def run(api, to):
    """Run `echo hi` against an exec that answers as scripted."""
    api.on("GET", "/api/v1/namespaces/default/pods/web-0", reply(body={"metadata": {"uid": "u1"}}))

    def running(*answers, timeout=0.5, **settings):
        api.on("GET", EXEC, *answers)
        return run_once(to(Mode.SMOKE), POD, ["echo", "hi"], timeout=timeout, **settings)

    return running


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_a_whole_answer_is_a_result(run, protocol):
    whole = speaking(
        OUT, START, OUT + "hü".encode()[:2], ERR + b"e", OUT + "ü".encode()[1:], DONE, SUCCESS,
        protocols=[protocol],
    )  # fmt: skip

    result = run(whole)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "hü", "e")


def test_an_exit_code_is_the_commands_own(run):
    assert run(speaking(START, OUT + b"\n{n}>28\n", failure(28))).exit_code == 28


def test_the_command_travels_as_data(api, run):
    run(speaking(START, DONE, SUCCESS))

    sent = api.seen[0]
    assert sent.query["stdin"] == "false"
    assert sent.headers["Sec-WebSocket-Protocol"] == "v5.channel.k8s.io,v4.channel.k8s.io"


BROKEN = {
    # F19
    "fin": ((START, OUT + b"x"), fin, "the connection was cut"),
    "rst": ((START, OUT + b"x"), rst, "Connection reset|the connection was cut"),
    "close without status": ((START, DONE), None, "the server closed it"),
    "fin at once": ((), fin, "the connection was cut"),
    # F20
    "silence": ((START,), silence, r"did not end within 0.5 s"),
    "silence at once": ((), silence, r"did not end within 0.5 s"),
    # F21: the kubelet restarts
    "success without output": ((SUCCESS,), None, "did not say that it started"),
    "success in the middle": ((START, OUT + b"hi", SUCCESS), None, "did not say that it ended"),
    "another exit code": ((START, OUT + b"\n{n}>28\n", SUCCESS), None, "exit code 0, the shell"),
    # the container runtime
    "no such command": (
        (END + b'{"status":"Failure","reason":"InternalError","message":"no sh"}',),
        None,
        "was not run: no sh",
    ),
    "a status that is none": ((START, DONE, END + b"oops"), None, "status .* cannot be read"),
    "a status of another shape": ((START, DONE, END + b"[1]"), None, "status .* cannot be read"),
    "an unknown channel": ((START, b"\x07x"), None, "on channel 7"),
    "an empty message": ((START, b""), None, "an empty message"),
    # F85, F86
    "a lot of output": ((START, *[OUT + b"x" * 30000] * 4, DONE, SUCCESS), None, "more than 64"),
    "one large message": ((START, OUT + b"x" * (2 << 20)), None, "more than 1 MiB"),
    "a nonce of others": (
        (OUT + b"00<\nhi\n00>0\n", SUCCESS),
        None,
        "did not say that it started",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_stream_is_never_a_result(run, fault):
    messages, then, words = BROKEN[fault]

    with pytest.raises(ExecBroken, match=words) as caught:
        run(speaking(*messages, then=then))

    assert caught.value.exit_code is ExitCode.UNKNOWN


@pytest.mark.parametrize("then", [fin, rst, silence])
@pytest.mark.parametrize("size", range(1, 20, 3))
def test_a_stream_cut_within_a_message_is_never_a_result(run, size, then):
    async def talk(ws, nonce):
        text = OUT + f"{nonce}<\n\n{nonce}>0\n".encode()
        frame = bytes([0x82, len(text)]) + text
        ws._req.transport.write(frame[:size])
        await then(ws)

    with pytest.raises(ExecBroken):
        run(websocket(talk), timeout=0.2)


def test_messages_in_parts_are_one(run):
    async def talk(ws, nonce):
        write = ws._req.transport.write
        text = OUT + f"{nonce}<\nhi\n{nonce}>0\n".encode()
        write(bytes([0x02, 5]) + text[:5])
        write(bytes([0x89, 2]) + b"hi")  # a ping in between
        write(bytes([0x80, len(text) - 5]))
        await asyncio.sleep(0.05)
        write(text[5:])
        await ws.send_bytes(SUCCESS)
        await ws.close()

    assert run(websocket(talk)).stdout == "hi"


def test_a_ping_is_answered(run):
    async def talk(ws, nonce):
        await ws.ping(b"there?")
        answer = await ws.receive(timeout=2)
        await ws.send_bytes(OUT + f"{nonce}<\n".encode() + answer.data)
        await ws.send_bytes(OUT + f"\n{nonce}>0\n".encode())
        await ws.send_bytes(SUCCESS)
        await ws.close()

    assert run(websocket(talk, autoping=False), timeout=5).stdout == "there?"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(403, "Forbidden", "cannot create pods/exec"), "HTTP 403: cannot create pods/exec"),
        (status(404, "NotFound", "pods web-0 not found"), "HTTP 404: pods web-0 not found"),
        (reply(302, {}, Location="https://elsewhere.test"), "no exec"),
        (reply(200, {}), "HTTP 200"),
    ],
)
def test_a_handshake_that_is_refused_is_broken_at_once(api, run, answer, words):
    with pytest.raises(ExecBroken, match=words):
        run(answer)


@pytest.mark.parametrize(
    "fault", [cut, reset, status(500, "InternalError", "dialing"), status(429, "Busy", "later")]
)
def test_a_handshake_that_may_work_later_is_tried_again(api, run, fault):
    assert run(fault, fault, speaking(START, DONE, SUCCESS)).exit_code == 0
    assert len(api.sent()) == 4  # three handshakes, and the pod's identity


def test_a_handshake_that_never_works_is_given_up(run, time):
    with pytest.raises(ExecBroken, match="HTTP 503: no"):
        run(status(503, "Unavailable", "no"))

    assert time.now <= 10


async def trickle(request):
    """A byte from time to time: each single read is in time."""
    for byte in b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"y" * 100:
        request.transport.write(bytes([byte]))
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", [mute, trickle])
def test_a_handshake_has_a_deadline_of_its_own(api, to, fault):
    api.on("GET", EXEC, fault)
    began = real_time.monotonic()

    with pytest.raises(ExecBroken):
        open_exec(to(Mode.SMOKE, clock=None), POD, ["true"], handshake_timeout=0.5)

    assert real_time.monotonic() - began < 4


def test_an_expired_token_is_renewed_for_the_handshake(api, to, tmp_path):
    (tmp_path / "token").write_text("old")
    connection = to(Mode.SMOKE, kubeconfig=api.kubeconfig(user={"tokenFile": "token"}))
    (tmp_path / "token").write_text(api.token)
    api.on("GET", "/api/v1/namespaces/default/pods/web-0", reply(body={"metadata": {"uid": "u1"}}))
    api.on("GET", EXEC, speaking(START, DONE, SUCCESS))

    assert run_once(connection, POD, ["true"], timeout=1).exit_code == 0


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        (reply(body={"metadata": {"uid": "u2"}}), r"\(uid u1\) was replaced by another pod"),
        (status(404, "NotFound", "gone"), r"\(uid u1\) was deleted"),
        (status(403, "Forbidden", "no"), "its identity cannot be read"),
    ],
)
def test_a_pod_of_the_same_name_is_not_the_pod(api, run, pod, words):
    api.on("GET", "/api/v1/namespaces/default/pods/web-0", pod)

    with pytest.raises(ExecBroken, match=words):
        run(speaking(START, DONE, SUCCESS))


def test_a_command_too_long_for_a_url_is_not_sent(api, to):
    with pytest.raises(ExecBroken, match="send the rest over stdin"):
        open_exec(to(Mode.SMOKE), POD, ["echo", "x" * 5000])

    assert api.seen == []


def test_a_mode_that_only_reads_executes_nothing(api, to):
    with pytest.raises(Refused, match="mode read-only may not create pods/exec"):
        open_exec(to(Mode.READ_ONLY), POD, ["true"])

    assert api.seen == []


async def echo(ws, nonce):
    async for message in ws:
        await ws.send_bytes(OUT + message.data[1:])


@pytest.fixture
def echoing(api, to):
    api.on("GET", "/api/v1/namespaces/default/pods/web-0", reply(body={"metadata": {"uid": "u1"}}))
    api.on("GET", EXEC, websocket(echo))
    with open_exec(to(Mode.SMOKE), POD, ["cat"]) as stream:
        yield stream


def test_a_stream_stays_open_between_rounds(echoing):
    for text in (b"one", b"two"):
        echoing.write(text)
        assert echoing.read(2).data == text
        assert echoing.read(0.01) is None
    assert echoing.protocol == "v5.channel.k8s.io"
    assert echoing.status is None


def test_one_thread_reads_while_others_write(echoing):
    def write():
        for _ in range(50):
            echoing.write(b"x" * 3000)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    received = 0
    while received < 4 * 50 * 3000:
        frame = echoing.read(5)
        assert frame is not None
        assert set(frame.data) == {ord("x")}
        received += len(frame.data)
    for thread in threads:
        thread.join()


def test_a_large_input_is_written_in_parts(echoing):
    echoing.write(b"y" * 100_000)

    assert [len(echoing.read(2).data) for _ in range(4)] == [32768, 32768, 32768, 1696]


def test_a_closed_stream_ends_the_reader_that_waits(echoing):
    closer = threading.Timer(0.2, echoing.close)
    closer.start()
    began = real_time.monotonic()

    with pytest.raises(ExecBroken, match="it was closed"):
        echoing.read(60)

    assert real_time.monotonic() - began < 30
    closer.join()
    with pytest.raises(ExecBroken, match="it was closed"):
        echoing.write(b"x")


def test_reading_beyond_the_end_is_broken(api, to):
    api.on("GET", "/api/v1/namespaces/default/pods/web-0", reply(body={"metadata": {"uid": "u1"}}))
    api.on("GET", EXEC, speaking(failure(3)))
    with open_exec(to(Mode.SMOKE), POD, ["false"]) as stream:
        assert stream.read(2).channel is Channel.ERROR
        assert stream.status.exit_code == 3
        with pytest.raises(ExecBroken, match="the command has ended"):
            stream.read(1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"status":"Success"}', ExecStatus(exit_code=0)),
        (b'{"status":"Failure","message":"m"}', ExecStatus(exit_code=None, message="m")),
        (
            b'{"status":"Failure","message":"m","reason":"NonZeroExitCode","details":{}}',
            ExecStatus(exit_code=None, message="m"),
        ),
        (
            b'{"status":"Failure","message":"m","details":{"causes":[{"reason":"ExitCode",'
            b'"message":"7"}]},"reason":"NonZeroExitCode"}',
            ExecStatus(exit_code=7, message="m"),
        ),
        (
            b'{"status":"Failure","message":"m","details":{"causes":[{"reason":"ExitCode",'
            b'"message":"-1x"}]},"reason":"NonZeroExitCode"}',
            ExecStatus(exit_code=None, message="m"),
        ),
    ],
)
def test_a_status_is_an_exit_code_only_if_it_says_one(data, expected):
    assert status_of(data) == expected


def test_the_close_code_of_the_server_makes_no_result(run):
    async def going_away(ws):
        await ws.close(code=WSCloseCode.GOING_AWAY)

    with pytest.raises(ExecBroken, match="ended without a status"):
        run(speaking(START, DONE, then=going_away))
