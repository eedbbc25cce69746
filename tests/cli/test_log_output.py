"""`-v`, `-vv` and NPOL_LOG: the log of a command on standard error."""

from __future__ import annotations

import json
import logging
import re

import pytest

from npol.cli.app import COMMANDS, app, load
from npol.errors import InputError, NpolError
from tests.kube.fake_api import FakeApi, reply

RECORDS = "/api/v1/namespaces/npol-system/configmaps"
LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (?P<level>INFO|DEBUG) npol\.[\w.]+: .+")


@pytest.fixture
def errors(tmp_path, capsys, monkeypatch):
    """What `npol recover --list` writes to standard error, with these options."""
    monkeypatch.delenv("NPOL_LOG", raising=False)
    with FakeApi(tmp_path) as api:
        api.on("GET", RECORDS, reply(body={"items": [], "metadata": {}}))
        api.on("GET", "/api/v1/namespaces/kube-system", reply(body={"metadata": {"uid": "u"}}))
        named = ["--context", "test", "--kubeconfig", api.kubeconfig()]

        def run(*options):
            app(["recover", "--list", *named, *options], standalone_mode=False)
            text = capsys.readouterr().err
            assert api.token not in text
            return text.splitlines()

        yield run


def test_a_command_is_silent_by_default(errors):
    assert errors() == []


def test_vv_logs_reads_one_line_each_with_time(errors):
    lines = errors("-vv")

    assert all(LINE.fullmatch(line) for line in lines), lines
    assert any(f"GET {RECORDS}: 200, " in line for line in lines)


def test_v_logs_no_reads(errors):
    assert not any(f"GET {RECORDS}" in line for line in errors("-v"))


def test_the_variable_does_the_same(errors, monkeypatch):
    monkeypatch.setenv("NPOL_LOG", "debug")

    assert any(f"GET {RECORDS}" in line for line in errors())


def test_a_level_that_is_none_is_refused(errors, monkeypatch):
    monkeypatch.setenv("NPOL_LOG", "loud")

    with pytest.raises(InputError, match="one of: info, debug"):
        errors()


def test_the_log_ends_with_the_command(errors):
    errors("-vv")

    assert logging.getLogger("npol").handlers == []


def test_no_credential_is_shown_when_the_server_does_not_answer(tmp_path, capsys):
    """Planted in the plugin's output and arguments, the URL, and what the server answers."""
    planted = "planted-0123456789"
    plugin = tmp_path / "plugin"
    version = "client.authentication.k8s.io/v1beta1"
    credential = {"apiVersion": version, "status": {"token": planted}}
    plugin.write_text(f"#!/bin/sh\necho {planted} >&2\necho '{json.dumps(credential)}'\n")
    plugin.chmod(0o700)
    user = {"exec": {"apiVersion": version, "command": str(plugin), "args": [planted]}}
    with FakeApi(tmp_path, token=planted) as api:
        url = f"https://user:{planted}@127.0.0.1:{api.port}"
        config = api.kubeconfig(user=user, cluster={"server": url})
        api.on(
            "GET",
            "/api/v1/namespaces/kube-system",
            reply(429, {"message": f"later, {planted}"}, Retry_After="1"),
            reply(400, {"message": f"you sent Bearer {planted}"}),
        )
        with pytest.raises(NpolError) as failed:
            app(
                ["recover", "--list", "--context=test", f"--kubeconfig={config}", "-vv"],
                standalone_mode=False,
            )

    shown = capsys.readouterr().err
    assert "attempt 1 failed" in shown
    assert "later, ***" in shown
    assert planted not in shown + str(failed.value)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_speak_to_a_cluster_have_the_option(name):
    options = {word for param in load(name).params for word in param.opts}

    assert ("-v" in options) == ("--context" in options)
