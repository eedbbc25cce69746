"""`-v`, `-vv` and NPOL_LOG: the log of a command on standard error."""

from __future__ import annotations

import logging
import re

import pytest

from npol.cli.app import COMMANDS, app, load
from npol.errors import InputError
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


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_speak_to_a_cluster_have_the_option(name):
    options = {word for param in load(name).params for word in param.opts}

    assert ("-v" in options) == ("--context" in options)
