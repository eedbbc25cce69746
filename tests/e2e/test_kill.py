"""`npol run` ended in the middle: killed, nothing of it stays; interrupted, all is as before."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import NPOL, ROOT
from tests.e2e.shop import slowed_down, write_shop
from tests.lab.test_session import left, seconds_until_gone

BASELINE = ROOT / "fixtures/baseline/baseline.npol.yaml"
UNDER_POLICY = "step 'deny all', round 1"
"""What the log of a run says while the story's policy is applied."""


@contextmanager
def running(*arguments, env, until, cwd=ROOT):
    """A process that has said `until` and goes on; its lines so far."""
    process = subprocess.Popen(
        arguments, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if until in line:
                break
        assert process.poll() is None, f"it goes on: {''.join(lines)}"
        yield process, lines
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def env(tmp_path, home):
    """All files of the run's lab lie in a directory of their own, whose name marks them."""
    (tmp_path / "tmp").mkdir()
    return {**home, "TMPDIR": str(tmp_path / "tmp"), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def slow(tmp_path):
    """A story whose second step waits until it is stopped."""
    story = write_shop(tmp_path / "shop")
    story.write_text(slowed_down(story.read_text()))
    return story


def lab_of(tmp_path):
    """The id of the lab that has its files there."""
    (directory,) = (tmp_path / "tmp").glob("npol-lab-*")
    return directory.name.removeprefix("npol-lab-")


@pytest.mark.lab
def test_a_killed_run_leaves_nothing(tmp_path, env, slow):
    with running(NPOL, "run", "-v", slow, env=env, until=UNDER_POLICY) as (process, _):
        id = lab_of(tmp_path)
        assert left(id), "it was there"
        process.send_signal(signal.SIGKILL)
        took = seconds_until_gone(id, files=lambda: (tmp_path / "tmp").glob("npol*"))
    assert took < 20


@pytest.mark.lab
def test_an_interrupted_run_ends_with_130_and_the_restore_is_complete(tmp_path, env, slow):
    with running(NPOL, "run", "-v", slow, env=env, until=UNDER_POLICY) as (process, lines):
        id = lab_of(tmp_path)
        process.send_signal(signal.SIGINT)
        said = "".join([*lines, *process.stdout])
        assert process.wait(timeout=20) == 130, said
    assert "Traceback" not in said
    assert "restored in" in said
    assert "restore incomplete" not in said.lower()
    assert left(id) == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.lab
def test_an_interrupted_run_on_a_cluster_takes_everything_back(env, slow, lab, server):
    command = (NPOL, "run", slow, "--kubeconfig", lab.kubeconfig, "--context", "lab", "--create")
    policies = "/apis/networking.k8s.io/v1/networkpolicies"
    with running(*command, env=env, until="open") as (process, lines):
        deadline = time.monotonic() + 20
        while "deny-all" not in server.names(policies):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = "".join([*lines, *process.stdout])
        assert process.wait(timeout=20) == 130, said
    assert "Traceback" not in said
    assert server.names(policies) == set()
    assert "shop" not in server.names("/api/v1/namespaces")
    leases = server.ask("GET", "/apis/coordination.k8s.io/v1/leases")["items"]
    assert [o for o in leases if o["metadata"]["name"].startswith("npol")] == []


@pytest.mark.lab
def test_an_interrupted_pytest_restores_before_its_lab_ends(tmp_path, env, slow):
    command = (NPOL.with_name("python"), "-m", "pytest", "-v", "-p", "no:cacheprovider", "shop")
    with running(*command, env=env, until="its name resolves PASSED", cwd=tmp_path) as (
        process,
        lines,
    ):
        id = lab_of(tmp_path)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        said = "".join([*lines, *process.stdout])
        assert process.wait(timeout=20) == pytest.ExitCode.INTERRUPTED, said
    assert said.index("npol: shop: restoring the cluster") < said.index("npol: shop: restored in")
    assert "NOT as it was found" not in said
    assert left(id) == []


@pytest.mark.lab
@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(signal.SIGINT, id="SIGINT"),
        pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.nightly),
        pytest.param(signal.SIGHUP, id="SIGHUP", marks=pytest.mark.nightly),
    ],
)
def test_a_run_that_is_stopped_while_its_lab_starts_says_so_in_one_line(tmp_path, env, sign):
    process = subprocess.Popen(
        [NPOL, "run", BASELINE],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "tmp").glob("npol-lab-*")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(sign)
    said, _ = process.communicate(timeout=60)

    assert (process.returncode, said) == (128 + sign, f"npol: stopped by {sign.name}\n")
    while list((tmp_path / "tmp").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
