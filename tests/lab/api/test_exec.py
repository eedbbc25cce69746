"""Commands in containers over WebSockets: streams, exit codes, refusals, in both protocols."""

from __future__ import annotations

import json
import struct
import time

import pytest
import websocket

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
BOTH = pytest.mark.parametrize("protocol", [V4, V5])


@pytest.fixture(scope="module", autouse=True)
def pods(cluster):
    cluster.namespace("exec")
    cluster.running_pod("exec", "one")
    cluster.running_pod("exec", "two", "a", "b")
    cluster.inside(lambda: cluster.registry.create("pods", waiting("unscheduled")))
    cluster.inside(lambda: cluster.registry.create("pods", waiting("starting")))
    cluster.inside(lambda: cluster.registry.bind("exec", "starting", "lab-1"))


def waiting(name):
    spec = {"containers": [{"name": "main", "image": "busybox"}]}
    return {"metadata": {"name": name, "namespace": "exec"}, "spec": spec}


@BOTH
def test_output_comes_on_its_channels_and_success_last(connect, protocol, finished):
    stream = connect("one", "sh", "-c", "echo out; echo err >&2", protocol=protocol)
    assert stream.getsubprotocol() == protocol
    assert finished(stream) == (b"out\n", b"err\n", {"metadata": {}, "status": "Success"})


@pytest.mark.parametrize(
    ("protocol", "why"),
    [
        (V4, "error executing command [sh -c exit 3], exit code 3"),
        (V5, "command terminated with exit code 3"),
    ],
)
def test_an_exit_code_is_a_cause_of_the_status(connect, protocol, why, finished):
    *_, status = finished(connect("one", "sh", "-c", "exit 3", protocol=protocol))
    assert status == {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {why}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
    }


def test_a_signal_is_128_and_its_number(connect, finished):
    *_, status = finished(connect("one", "sh", "-c", "kill -9 $$"))
    assert status["details"]["causes"][0]["message"] == "137"


@pytest.mark.parametrize(("protocol", "wraps"), [(V4, 1), (V5, 2)])
def test_a_missing_program_is_no_exit_code(connect, protocol, wraps, finished):
    *_, status = finished(connect("one", "no-such-program", protocol=protocol))
    assert status["reason"] == "InternalError"
    assert status["message"].count("Internal error occurred: ") == wraps
    assert 'exec: "no-such-program": executable file not found in $PATH' in status["message"]
    assert "reason" not in status["details"]["causes"][0]


@BOTH
def test_stdin_goes_to_the_command(connect, protocol, finished):
    stream = connect("one", "sh", "-c", "read line; echo got $line", stdin=True, protocol=protocol)
    stream.send_binary(b"\x00hel")
    stream.send_binary(b"\x00lo\n")
    assert finished(stream)[0] == b"got hello\n"


def test_the_close_frame_of_v5_ends_stdin(connect, finished):
    stream = connect("one", "cat", stdin=True)
    stream.send_binary(b"\x00all\n")
    stream.send_binary(b"\xff\x00")
    assert finished(stream)[0] == b"all\n"


def test_without_stdin_there_is_nothing_to_read(connect, finished):
    assert finished(connect("one", "cat"))[0] == b""


def test_a_terminal_has_one_stream(connect, finished):
    stream = connect("one", "sh", "-c", "echo out; echo err >&2", tty=True)
    assert finished(stream)[:2] == (b"out\nerr\n", b"")


def test_a_resize_reaches_the_terminal(cluster, connect, finished):
    stream = connect("one", "sh", "-c", "read line", stdin=True, tty=True)
    stream.send_binary(b'\x04{"Width":120,"Height":40}')
    stream.send_binary(b"\x04nonsense")
    stream.send_binary(b"\x00\n")
    finished(stream)
    assert cluster.runtime.executions[-1].size == (120, 40)


def test_streams_that_were_not_asked_for_are_not_sent(connect, finished):
    stream = connect("one", "sh", "-c", "echo out; echo err >&2", stderr=False)
    assert finished(stream)[:2] == (b"out\n", b"")


def test_large_output_arrives_whole(connect, finished):
    stream = connect("one", "sh", "-c", "head -c 3000000 /dev/zero")
    assert len(finished(stream)[0]) == 3_000_000


@pytest.mark.parametrize(
    ("pod", "query", "code", "message"),
    [
        ("one", {"container": "x"}, 400, "container x is not valid for pod one"),
        (
            "two",
            {},
            400,
            "a container name must be specified for pod two, choose one of: [a b]",
        ),
        ("unscheduled", {}, 400, "pod unscheduled does not have a host assigned"),
        ("nobody", {}, 404, 'pods "nobody" not found'),
        ("one", {"stdout": False, "stderr": False}, 400, "at least 1 of stdin, stdout, stderr"),
    ],
)
def test_an_impossible_exec_is_refused_before_the_upgrade(connect, pod, query, code, message):
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        connect(pod, "true", **query)
    assert caught.value.status_code == code
    assert message in json.loads(caught.value.resp_body)["message"]


def test_a_container_that_does_not_run_yet_is_an_error_status(connect, finished):
    *_, status = finished(connect("starting", "true"))
    assert status["message"] == (
        'Internal error occurred: unable to upgrade connection: container not found ("main")'
    )


def test_a_container_is_chosen_by_name(connect, finished):
    stream = connect("two", "sh", "-c", "echo $CONTAINER", container="b")
    assert finished(stream)[0] == b"b\n"


def test_a_client_without_a_known_protocol_is_refused(connect):
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        connect("one", "true", protocol="v1.nonsense")
    assert caught.value.status_code == 400


def test_spdy_is_answered_with_what_to_use_instead(cluster):
    answer = cluster.request(
        "POST",
        "/api/v1/namespaces/exec/pods/one/exec?command=true&stdout=true",
        b"",
        headers={"Upgrade": "SPDY/3.1", "Connection": "Upgrade"},
    )
    assert answer.code == 501
    assert "exec over SPDY; kubectl >= 1.31" in answer.message


def until(check, patience=30.0):
    ends = time.monotonic() + patience
    while not check():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.02)


def test_a_command_goes_on_when_its_client_has_gone(cluster, connect, tmp_path):
    """kubernetes#89031: nobody kills it, but its stdin ends."""
    script = f"cat >/dev/null; head -c 200000 /dev/zero; touch {tmp_path}/done"
    stream = connect("one", "sh", "-c", script, stdin=True)
    stream.recv_data()
    stream.sock.shutdown(2)
    until(lambda: (tmp_path / "done").exists())


def test_a_terminal_takes_its_command_along(cluster, connect):
    stream = connect("one", "sleep", "60", stdin=True, tty=True)
    stream.recv_data()
    execution = cluster.runtime.executions[-1]
    linger = struct.pack("ii", 1, 0)
    stream.sock.setsockopt(1, 13, linger)
    stream.sock.close()
    until(lambda: execution._process.returncode is not None)
