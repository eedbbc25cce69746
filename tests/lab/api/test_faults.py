"""Faults on purpose: for tests of what speaks to a server, so they must happen as ordered."""

from __future__ import annotations

import http.client
import json
import ssl
import time

import pytest
import websocket

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(autouse=True)
def no_faults(cluster):
    yield
    assert cluster.request("DELETE", "/npol-lab/faults").code == 200


@pytest.fixture(scope="module", autouse=True)
def pods(cluster):
    cluster.namespace("exec")
    cluster.running_pod("exec", "one")
    cluster.running_pod("exec", "two")


@pytest.fixture
def faults(cluster):
    def set(*rules):
        answer = cluster.request("POST", "/npol-lab/faults", list(rules))
        assert answer.code == 200, answer.message

    return set


def test_a_status_is_answered_and_nothing_is_done(cluster, faults):
    match = {"verb": "create", "resource": "configmaps"}
    faults({"match": match, "times": 1, "action": {"status": 429, "retryAfter": 7}})
    body = {"metadata": {"name": "throttled"}}
    refused = cluster.request("POST", CONFIGMAPS, body)
    assert (refused.code, refused.json["reason"]) == (429, "TooManyRequests")
    assert refused.headers["Retry-After"] == "7"
    assert cluster.request("GET", f"{CONFIGMAPS}/throttled").code == 404
    assert cluster.request("POST", CONFIGMAPS, body).code == 201


def test_a_rule_waits_for_its_turn_and_ends(cluster, faults):
    rule = {"match": {"verb": "list", "resource": "configmaps"}, "after": 2, "times": 2}
    faults({**rule, "action": {"status": 503}})
    codes = [cluster.request("GET", CONFIGMAPS).code for _ in range(6)]
    assert codes == [200, 200, 503, 503, 200, 200]


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ({"resource": "networkpolicies.networking.k8s.io"}, CONFIGMAPS),
        ({"verb": "get"}, CONFIGMAPS),
        ({"namespace": "elsewhere"}, CONFIGMAPS),
        ({"name": "other"}, f"{CONFIGMAPS}/none"),
        ({"resource": "pods", "subresource": ""}, "/api/v1/namespaces/exec/pods/one/log"),
    ],
)
def test_other_requests_pass(cluster, faults, match, path):
    faults({"match": match, "action": {"status": 500}})
    assert cluster.request("GET", path).code != 500


def test_a_delay_is_waited_for(cluster, faults):
    faults({"match": {"resource": "configmaps"}, "action": {"delay": 0.2}})
    started = time.monotonic()
    assert cluster.request("GET", CONFIGMAPS).code == 200
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(("moment", "code"), [("before", 404), ("after", 200)])
def test_a_dropped_write_was_done_or_not(cluster, faults, moment, code):
    faults({"match": {"verb": "create"}, "times": 1, "action": {"drop": moment}})
    name = f"dropped-{moment}"
    with pytest.raises((ConnectionError, http.client.HTTPException, ssl.SSLError, OSError)):
        cluster.request("POST", CONFIGMAPS, {"metadata": {"name": name}})
    assert cluster.request("GET", f"{CONFIGMAPS}/{name}").code == code


@pytest.mark.parametrize(
    "rules",
    [
        {"not": "a list"},
        ["not a rule"],
        [{"match": {}}],
        [{"match": {"kind": "Pod"}, "action": {"delay": 1}}],
        [{"action": {"explode": True}}],
        [{"action": {"drop": "sometimes"}}],
        [{"action": {"exec": "sideways"}}],
    ],
    ids=str,
)
def test_a_rule_that_means_nothing_is_refused(cluster, rules):
    assert cluster.request("POST", "/npol-lab/faults", rules).code == 400


def test_requests_are_counted_by_verb_and_resource(cluster):
    cluster.request("POST", "/npol-lab/requests/reset")
    cluster.request("GET", CONFIGMAPS)
    cluster.request("GET", CONFIGMAPS)
    cluster.request("GET", "/api/v1/namespaces/exec/pods/one/log")
    counted = cluster.request("GET", "/npol-lab/requests").json
    assert counted == {"total": 3, "requests": {"get pods/log": 1, "list configmaps": 2}}


def test_only_the_administrator_may_ask_for_faults(cluster):
    uid = cluster.registry.get("serviceaccounts", "exec", "default")["metadata"]["uid"]
    tokens = cluster.api._identity._tokens
    token, _ = tokens.issue("exec", "default", uid, 600)
    for method, path in (("GET", "requests"), ("POST", "faults"), ("DELETE", "faults")):
        assert cluster.request(method, f"/npol-lab/{path}", token=token).code == 403


def exec_fault(mode, **more):
    match = {"resource": "pods", "subresource": "exec"}
    return {"match": match, "times": 1, "action": {"exec": mode, **more}}


SCRIPT = ("sh", "-c", "echo first; read line; echo second")


@pytest.mark.parametrize("mode", ["fin", "rst"])
def test_a_connection_ends_in_the_middle(faults, connect, mode):
    faults(exec_fault(mode))
    stream = connect("one", *SCRIPT, stdin=True)
    assert stream.recv_data()[1] == b"\x01"
    assert stream.recv_data()[1] == b"\x01first\n"
    ends = (ConnectionError, ssl.SSLError, websocket.WebSocketConnectionClosedException)
    with pytest.raises(ends):
        stream.recv_data()


def test_a_clean_close_without_a_status(faults, connect, finished):
    faults(exec_fault("close-without-status"))
    assert finished(connect("one", "echo", "all")) == (b"all\n", b"", None)


def test_silence_after_the_handshake(faults, connect):
    faults(exec_fault("silent"))
    stream = connect("one", "echo", "all")
    assert stream.recv_data()[1] == b"\x01"
    stream.settimeout(0.3)
    with pytest.raises(websocket.WebSocketTimeoutException):
        stream.recv_data()


def test_a_success_of_nothing(cluster, faults, connect, finished):
    faults(exec_fault("success-without-output"))
    before = len(cluster.runtime.executions)
    out, _, status = finished(connect("one", "echo", "all"))
    assert (out, status["status"]) == (b"", "Success")
    assert len(cluster.runtime.executions) == before


def test_no_handshake_at_all(cluster, faults):
    faults(exec_fault("no-handshake"))
    context = ssl.create_default_context(cafile=str(cluster.authority))
    connection = http.client.HTTPSConnection(
        "127.0.0.1", cluster.port, timeout=0.4, context=context
    )
    headers = {
        "Authorization": f"Bearer {cluster.token}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
    }
    path = "/api/v1/namespaces/exec/pods/one/exec?command=true&stdout=true"
    connection.request("GET", path, headers=headers)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()


def test_garbage_is_no_status(faults, connect):
    faults(exec_fault("garbage"))
    stream = connect("one", "true")
    frames = []
    while (frame := stream.recv_data())[0] != websocket.ABNF.OPCODE_CLOSE:
        frames.append(frame[1])
    assert any(f[:1] == b"\x09" for f in frames)
    with pytest.raises(ValueError, match=r"delimiter|Expecting"):
        json.loads(next(f[1:] for f in frames if f[:1] == b"\x03"))


def test_a_flood_does_not_end_by_itself(faults, connect):
    faults(exec_fault("flood"))
    stream = connect("one", "true")
    assert sum(len(stream.recv_data()[1]) for _ in range(100)) > 2_000_000


def test_another_pod_answers(cluster, faults, connect, finished):
    uid = cluster.registry.get("pods", "exec", "two")["metadata"]["uid"]
    for action in (exec_fault("swap-pod"), exec_fault("swap-pod", pod="exec/two")):
        faults(action)
        assert finished(connect("one", "sh", "-c", "echo $POD_UID"))[0].decode().strip() == uid


def test_a_runtime_error_has_no_exit_code(faults, connect, finished):
    faults(exec_fault("runtime-error"))
    *_, status = finished(connect("one", "true"))
    assert status["reason"] == "InternalError"


def test_a_lost_output_keeps_its_exit_code(faults, connect, finished):
    faults(exec_fault("exit-code-only"))
    out, err, status = finished(connect("one", "sh", "-c", "echo all; exit 5"))
    assert (out, err) == (b"", b"")
    assert status["details"]["causes"][0]["message"] == "5"
