import contextlib
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from npol.changes import watchdog
from npol.changes.watchdog import GOODBYE, Watchdog
from npol.errors import Refused
from npol.kube.api_errors import ApiError, Forbidden, LostReply, Unreachable


@pytest.fixture
def start(tmp_path):
    started = []

    def start(kubeconfig="/nowhere/kubeconfig"):
        connection: Any = SimpleNamespace(kubeconfig=kubeconfig, context="test")
        started.append(Watchdog.start(connection, "run-1", tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.dismiss()


def read(pid, name):
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def test_a_dismissed_watchdog_ends(start):
    dog = start()
    assert alive(dog.pid)

    dog.dismiss()

    assert not alive(dog.pid)


def test_a_watchdogs_orders_stand_neither_on_its_command_line_nor_in_its_environment(start):
    dog = start(kubeconfig="/home/ann/.kube/canary")

    assert b"canary" not in read(dog.pid, "cmdline") + read(dog.pid, "environ")
    assert b"npol.changes.watchdog" in read(dog.pid, "cmdline")


def test_a_watchdog_has_its_own_session_and_ignores_signals_that_stop_the_run(start):
    dog = start()

    assert os.getsid(dog.pid) == dog.pid
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        os.kill(dog.pid, number)
    with pytest.raises(subprocess.TimeoutExpired):  # else they end it at once
        dog._process.wait(0.2)


def test_a_watchdog_starts_without_the_kubernetes_client(start):
    """So that it costs a run little: what it needs for a restore is imported then."""
    code = "import sys, npol.changes.watchdog; print([m for m in sys.modules if 'kubernetes' in m])"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)

    assert done.stdout == b"[]\n"


def test_a_directory_called_npol_does_not_mislead_it(start, tmp_path, monkeypatch):
    (tmp_path / "npol").mkdir()
    (tmp_path / "npol" / "__init__.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)

    dog = start()

    assert alive(dog.pid)


def test_dismissing_one_that_was_killed_is_no_trouble(start):
    dog = start()
    os.kill(dog.pid, signal.SIGKILL)

    dog.dismiss()


@pytest.fixture
def line():
    """A line to a watchdog: its reading end, and the writing one."""
    reading, writing = os.pipe()
    yield watchdog._Line(reading), writing
    for descriptor in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_a_goodbye_is_heard(line):
    reader, writing = line
    os.write(writing, GOODBYE)

    assert reader.wait(os.getppid()) == GOODBYE


def test_a_line_that_ends_says_nothing(line):
    reader, writing = line
    os.close(writing)

    assert reader.wait(os.getppid()) == b""


def test_a_run_that_is_gone_is_noticed_although_a_fork_of_it_holds_the_line(line):
    reader, _ = line
    other = os.getppid() + 1  # not our parent, so the parent must have ended

    assert reader.wait(other) == b""


def test_a_cluster_that_is_gone_for_good_is_given_up(monkeypatch, tmp_path):
    settings = {"kubeconfig": str(tmp_path / "gone"), "context": "x", "run": "r", "state": None}

    assert watchdog._restore(settings) is False


@pytest.mark.parametrize(
    ("outcomes", "naps", "restored"),
    [
        pytest.param([["complete"]], [], True, id="at-once"),
        pytest.param([["ours"], ["ours"], ["complete"]], [1.0, 2.0], True, id="at-last"),
        pytest.param([["foreign"]], [], False, id="what-others-changed-is-not-fought-over"),
    ],
)
def test_a_watchdog_tries_until_no_change_of_the_run_is_left(monkeypatch, outcomes, naps, restored):
    results = iter(outcomes)
    slept = []
    monkeypatch.setattr(watchdog, "_recover", lambda _: [recovery(o) for o in next(results)])
    monkeypatch.setattr(time, "sleep", slept.append)

    assert watchdog._restore({}) is restored
    assert slept == naps


def no(status):
    return ApiError("no", status=status)


@pytest.mark.parametrize(
    ("error", "restored"),
    [
        pytest.param(Unreachable("nobody answers"), True, id="unreachable"),
        pytest.param(LostReply("cut", status=0), True, id="lost-reply"),
        *(pytest.param(no(s), True, id=str(s)) for s in (429, 500, 502, 503, 504)),
        *(pytest.param(no(s), False, id=str(s)) for s in (404, 422)),
        pytest.param(Forbidden("no", status=403), False, id="403"),
        pytest.param(Refused("of another version"), False, id="refused"),
    ],
)
def test_what_may_pass_is_tried_again_and_nothing_else(monkeypatch, error, restored):
    results = iter([error, error, [recovery("complete")]])

    def recover(_):
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    slept = []
    monkeypatch.setattr(watchdog, "_recover", recover)
    monkeypatch.setattr(time, "sleep", slept.append)

    assert watchdog._restore({}) is restored
    assert slept == ([1.0, 2.0] if restored else [])


def recovery(outcome):
    result = SimpleNamespace(complete=outcome == "complete")
    return SimpleNamespace(result=result, ours_left=outcome == "ours")
