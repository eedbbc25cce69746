"""What the log says of requests, retries and execs, and that it keeps secrets."""

from __future__ import annotations

import json
import logging
import stat

import pytest

from npol.kube.channels import ExecBroken
from npol.kube.exec import open_exec, run_once
from npol.kube.objects import NETWORK_POLICIES, Ref
from npol.model.probe import PodRef
from tests.kube.fake_api import EXEC, cut, reply, status
from tests.kube.test_exec import OUT, SUCCESS, speaking

POLICY = "/apis/networking.k8s.io/v1/namespaces/dev/networkpolicies/deny"
SECRETS = "/api/v1/namespaces/dev/secrets"
POD = PodRef(namespace="default", name="web-0", uid="u1", ip="10.0.0.1", container="app")
REF = Ref(NETWORK_POLICIES, "dev", "deny")
PLANTED = "planted-0123456789"


@pytest.fixture
def log(caplog):
    """The lines of npol's own loggers, with their levels."""
    caplog.set_level(logging.DEBUG, logger="npol")
    return lambda: [
        f"{r.levelname} {r.getMessage()}" for r in caplog.records if r.name.startswith("npol.")
    ]


def test_a_request_is_logged_by_verb_path_status_and_time(api, to, log):
    api.on("GET", POLICY, reply(body={"metadata": {"name": "deny"}}))

    to().get(REF)

    assert log() == [f"DEBUG GET {POLICY}: 200, 0 ms"]


def test_a_write_is_logged_at_a_level_of_its_own(api, to, log):
    api.on("DELETE", POLICY, reply(body={}))
    connection = to()
    connection.permit(namespaces=["dev"])

    connection.delete(REF, uid="u")

    assert log() == [f"INFO DELETE {POLICY}: 200, 0 ms"]


def test_a_retry_is_logged_with_its_reason_and_its_wait(api, to, log):
    busy = reply(429, {"message": "come later"}, Retry_After="7")
    api.on("GET", POLICY, busy, cut, reply(body={"metadata": {"name": "deny"}}))

    to().get(REF)

    retries = [line for line in log() if "attempt" in line]
    assert retries[0] == "INFO attempt 1 failed, the next one in 7.0 s: HTTP 429: come later"
    assert retries[1].startswith("INFO attempt 2 failed, the next one in ")


def test_an_exec_is_logged_with_pod_container_and_end(api, to, log):
    api.on("GET", EXEC, speaking(OUT + b"{n} 0\n", SUCCESS))
    api.on("GET", "/api/v1/namespaces/default/pods/web-0", reply(body={"metadata": {"uid": "u1"}}))

    with open_exec(to(), POD, ["true"]) as stream:
        while stream.status is None:
            stream.read(5)

    opened, ended = [line for line in log() if line.startswith("INFO exec")]
    assert opened == "INFO exec in default/web-0, container app: open"
    assert ended.startswith("INFO exec in default/web-0, container app: exit code 0, after ")


def test_the_log_holds_no_credential_and_no_content(tmp_path, api, to, log):
    """Planted: what the plugin prints, in its environment, the URL, a Secret, and echoes of it."""
    plugin = tmp_path / "plugin"
    version = "client.authentication.k8s.io/v1beta1"
    answer = {"apiVersion": version, "status": {"token": api.token}}
    plugin.write_text(f"#!/bin/sh\necho '{PLANTED}' >&2\necho '{json.dumps(answer)}'\n")
    plugin.chmod(stat.S_IRWXU)
    variable = {"name": "SECRET", "value": PLANTED}
    spec = {"apiVersion": version, "command": str(plugin), "env": [variable], "args": [PLANTED]}
    server = f"https://user:{PLANTED}@127.0.0.1:{api.port}"
    kubeconfig = api.kubeconfig(user={"exec": spec}, cluster={"server": server})
    echo = status(503, "ServiceUnavailable", f"no route for {api.token}, user:{PLANTED}")
    made = {"apiVersion": "v1", "kind": "Secret", "stringData": {"password": PLANTED}}
    made["metadata"] = {"name": "s", "namespace": "dev", "annotations": {"a": PLANTED}}
    api.on("GET", f"{SECRETS}/s", echo, reply(body=made))
    api.on("POST", SECRETS, reply(429, {"message": f"{api.token}"}), reply(201, made))
    api.on("GET", EXEC, status(503, "ServiceUnavailable", f"Bearer {api.token}"))
    connection = to(kubeconfig=kubeconfig)
    connection.permit(namespaces=["dev"], kinds=[connection.resource("v1", "Secret")])

    connection.get(connection.ref_of(made))
    connection.create(made)
    with pytest.raises(ExecBroken):
        run_once(connection, POD, ["echo", PLANTED], timeout=1)

    text = "\n".join(log())
    assert f"POST {SECRETS}: 201" in text
    assert "attempt 1 failed" in text
    assert PLANTED not in text
    assert api.token not in text
