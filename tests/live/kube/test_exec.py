"""Exec on a real kubelet: frames, statuses and identities as they are."""

from __future__ import annotations

import dataclasses
import time

import pytest

from npol.kube.channels import Channel, ExecBroken
from npol.kube.connection import Mode
from npol.kube.exec import open_exec, run_once
from tests.live.conftest import permitted, pod_manifest, start, stop

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def connection(connected, namespace):
    return permitted(connected(Mode.SMOKE), namespace)


@pytest.fixture(scope="module")
def pod(connection, namespace):
    return start(connection, pod_manifest(namespace, "box"))


@pytest.mark.parametrize(
    ("argv", "code", "out", "err"),
    [
        (["echo", "hü; $HOME `id`"], 0, "hü; $HOME `id`\n", ""),
        (["sh", "-c", "echo no >&2; exit 28"], 28, "", "no\n"),
        (["sh", "-c", "kill -9 $$"], 137, "", None),
        (["no-such-program"], 127, "", None),
        (["printf", "no newline"], 0, "no newline", ""),
    ],
)
def test_a_command_ends_with_its_own_code(connection, pod, argv, code, out, err):
    result = run_once(connection, pod, argv, timeout=10)

    assert (result.exit_code, result.stdout) == (code, out)
    assert err is None or result.stderr == err


def test_the_newest_protocol_is_spoken(connection, pod):
    with open_exec(connection, pod, ["cat"]) as stream:
        assert stream.protocol in ("v5.channel.k8s.io", "v4.channel.k8s.io")


def test_a_stream_carries_rounds(connection, pod):
    with open_exec(connection, pod, ["cat"]) as stream:
        for number in range(20):
            text = f"round {number}\n".encode() * 500
            stream.write(text)
            received = b""
            while len(received) < len(text):
                frame = stream.read(5)
                assert frame is not None
                assert frame.channel is Channel.STDOUT
                received += frame.data
            assert received == text
        assert stream.status is None


def test_a_program_that_is_not_there_is_no_result(connection, pod):
    with open_exec(connection, pod, ["/no/such/program"]) as stream:
        frame = stream.read(10)
        while frame is not None and frame.channel is not Channel.ERROR:
            frame = stream.read(10)

    assert stream.status.exit_code is None
    assert "no such file" in stream.status.message


def test_a_command_that_does_not_end_is_left(connection, pod):
    began = time.monotonic()

    with pytest.raises(ExecBroken, match="did not end within 1 s"):
        run_once(connection, pod, ["sleep", "5"], timeout=1)

    assert time.monotonic() - began < 4


def test_too_much_output_is_no_result(connection, pod):
    with pytest.raises(ExecBroken, match="more than 64 KiB"):
        run_once(connection, pod, ["head", "-c", "1000000", "/dev/zero"], timeout=10)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "nobody"}, "HTTP 404"),
        ({"container": "nobody"}, "HTTP 400.*container nobody is not valid"),
    ],
)
def test_a_missing_pod_or_container_is_named_in_the_error(connection, pod, change, words):
    with pytest.raises(ExecBroken, match=words):
        run_once(connection, dataclasses.replace(pod, **change), ["true"], timeout=5)


def test_a_pod_that_goes_under_a_command_gives_no_result(connection, namespace):
    pod = start(connection, pod_manifest(namespace, "short-lived"))
    stream = open_exec(connection, pod, ["cat"])
    stop(connection, pod)

    with stream:
        try:
            while stream.status is None:
                assert stream.read(10) is not None
        except ExecBroken:
            return
        assert stream.status.exit_code != 0


def test_a_successor_of_the_same_name_is_not_the_pod(connection, namespace):
    pod = start(connection, pod_manifest(namespace, "replaced"))
    stop(connection, pod)
    start(connection, pod_manifest(namespace, "replaced"))

    with pytest.raises(ExecBroken, match=f"uid {pod.uid}. was replaced by another pod"):
        run_once(connection, pod, ["true"], timeout=10)


def test_an_exec_costs_two_requests(connection, pod):
    before = connection.requests.copy()

    run_once(connection, pod, ["true"], timeout=10)

    assert connection.requests - before == {"exec pods": 1, "get pods": 1}
