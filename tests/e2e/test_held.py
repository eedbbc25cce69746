"""Connections that are held open while policies change, with packets."""

from __future__ import annotations

import json
import secrets
import signal
import time
from pathlib import Path

import pytest

from npol.kube.objects import PODS
from npol.probe.holder import BOOTSTRAP as HELD_BY
from npol.run import Options
from tests import held_shop, shop
from tests.e2e.conftest import NPOL, ROOT
from tests.e2e.pod_network import processes_with
from tests.e2e.test_kill import running

pytestmark = pytest.mark.lab


@pytest.fixture
def space():
    return f"held-{secrets.token_hex(3)}"


def options_for(lab):
    kubeconfig, context = str(lab.kubeconfig), lab.context
    return Options(kubeconfig=kubeconfig, context=context, create=True, disposable=True)


def test_a_quarantine_by_label_leaves_the_lab_as_calico_an_open_connection(npol, tmp_path):
    """In the lab, which does as Calico, new connections are denied and the open one lives."""
    story = ROOT / "fixtures/quarantine/quarantine.npol.yaml"
    done = npol("run", story, "--report", "run.json")

    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads((tmp_path / "run.json").read_text())["report"]["steps"]
    seen = [[flow["seen"] for flow in step["flows"]] for step in steps]
    assert seen[1:] == [["timeout", "timeout", "lives"], ["http 200", "open", "lives"]]
    ports = {
        evidence["answer"]["detail"].rpartition("from port ")[2]
        for step in steps[1:]
        for evidence in step["flows"][2]["evidence"]
        if evidence["role"] == "service"
    }
    assert len(ports) == 1, ports


@pytest.mark.nightly
@pytest.mark.parametrize("source", [held_shop.DEBUG_POD, held_shop.RUNNING_POD])
def test_each_kind_lives_on_under_a_deny_and_after_it(lab, tmp_path, space, source):
    story = shop.read(held_shop.write(tmp_path, space, source=source))

    report = shop.told(story, options_for(lab))

    assert shop.wrong(report) == []
    assert [str(f.seen) for f in report.steps[1].flows] == ["timeout", *["lives"] * 3]


@pytest.mark.nightly
def test_who_expects_a_cut_where_connections_live_on_is_told(lab, tmp_path, space):
    story = shop.read(held_shop.write(tmp_path, space, under="cut", within="3s"))

    report = shop.told(story, options_for(lab))

    verdicts = [(f.verdict.value, str(f.seen)) for f in report.steps[1].flows[1:]]
    assert verdicts == [("too open", "lives")] * 3


@pytest.mark.nightly
def test_a_hundred_are_held_at_once(lab, tmp_path, space):
    story = shop.read(held_shop.write(tmp_path, space, several=98))

    report = shop.told(story, options_for(lab))

    assert shop.wrong(report) == []
    held = [f for f in report.steps[2].flows if f.expected.held]
    assert len(held) == 100
    ports = {e.answer.detail.rpartition("from port ")[2] for f in held for e in f.evidence}
    assert len(ports) == 100


@pytest.mark.nightly
def test_what_is_held_outlives_its_probers_exec(lab, tmp_path, space, monkeypatch):
    """The prober's exec is renewed all the time; the connections keep their ports."""
    monkeypatch.setattr("npol.probe.kept_session.ROTATE_AFTER", 0.0)
    story = shop.read(held_shop.write(tmp_path, space))

    report = shop.told(story, options_for(lab))

    assert shop.wrong(report) == []
    assert report.execs > 6


@pytest.mark.nightly
def test_a_killed_run_leaves_nothing_in_the_pods_that_it_held_connections_from(
    lab, connection, tmp_path, space, home
):
    """SIGKILL tells nobody: what holds connections in users' pods ends by itself."""
    path = held_shop.write(tmp_path, space, source=held_shop.RUNNING_POD, under="cut", within="60s")
    cluster = ["--kubeconfig", str(lab.kubeconfig), "--context", lab.context, "--create"]
    command = (NPOL, "run", "-v", path, "--root", str(tmp_path), *cluster)
    with running(*command, env=home, until="step 'closed', round 2") as (process, _):
        pods = connection.list(PODS, space)
        addresses = {p["status"]["podIP"] for p in pods if p["metadata"]["name"].startswith("call")}
        assert holders(addresses), "it was there"
        process.send_signal(signal.SIGKILL)
        wait_until(lambda: not holders(addresses), "the holder to end")


def holders(addresses):
    """What holds connections in these pods' networks."""
    pids = (pid for address in addresses for pid in processes_with(address))
    return [pid for pid in pids if HELD_BY in command_of(pid)]


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def wait_until(fulfilled, what, within=60.0):
    deadline = time.monotonic() + within
    while not fulfilled():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.2)
