"""On call: leave it applied, look at it, take it back; and runs on a cluster that outlives them."""

import os
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import NPOL
from tests.e2e.shop import eventually, open_shop, slowed_down, write_shop

pytestmark = pytest.mark.lab
POLICIES = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
PODS = "/api/v1/namespaces/shop/pods"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/shop/leases"
JOURNALS = "/api/v1/namespaces/npol-system/configmaps?labelSelector=npol.dev/journal=run"
nightly = pytest.mark.nightly
SIGNS = [
    pytest.param(signal.SIGTERM, id="SIGTERM"),
    pytest.param(signal.SIGINT, id="SIGINT", marks=nightly),
    pytest.param(signal.SIGHUP, id="SIGHUP", marks=nightly),
]
OS_EXIT = ["-o", "timeout=15", "--timeout-method=thread"]
CLOSED = """
  - name: closed
    flows:
      - {name: the shop is closed, from: client, to: web, port: 80, expect: deny}
"""


@pytest.fixture(scope="module")
def shop(server):
    open_shop(server)


@pytest.fixture
def story(tmp_path, shop):
    return write_shop(tmp_path)


@pytest.fixture
def there(lab):
    return "--kubeconfig", str(lab.kubeconfig), "--context", lab.context


@pytest.fixture
def policies(server):
    return lambda: server.names(POLICIES)


def nothing_is_left(server):
    return not (server.names(POLICIES) | server.names(LEASES) | server.names(JOURNALS))


def test_changes_left_by_a_run_are_shown_and_rolled_back(
    npol_here, server, story, there, policies, tmp_path
):
    foretold = npol_here("run", story, *there, "--leave", "--to", "deny all", "--dry-run")
    assert "would create NetworkPolicy shop/deny-all" in foretold.stdout
    assert policies() == set()

    left = npol_here("run", story, *there, "--leave", "--to", "deny all")
    assert left.returncode == 0, left.stdout + left.stderr
    assert policies() == {"deny-all"}
    assert server.names(LEASES) == set()
    assert "left on purpose" in npol_here("recover", *there, "--list").stdout

    closed = write_shop(tmp_path, CLOSED, "closed.npol.yaml")
    looked = npol_here("run", closed, *there, "--assume-enforced")
    assert looked.returncode in (0, 3), (
        looked.stdout
    )  # without a baseline a silence may prove nothing
    assert policies() == {"deny-all"}

    recovered = npol_here("recover", *there)
    assert recovered.returncode == 0
    assert policies() == {"deny-all"}

    planned = npol_here("rollback", story, *there, "--dry-run")
    assert "delete NetworkPolicy shop/deny-all" in planned.stdout
    assert "delete networkpolicy deny-all" in planned.stdout
    assert policies() == {"deny-all"}

    back = npol_here("rollback", story, *there)
    assert back.returncode == 0, back.stdout + back.stderr
    assert nothing_is_left(server)


def test_policies_applied_by_others_are_rolled_back_by_their_files(npol_here, server, story, there):
    body = yaml.safe_load((story.parent / "deny.yaml").read_text())
    server.ask("POST", POLICIES, body)

    planned = npol_here("rollback", story, *there, "--dry-run")
    assert "-n shop delete --ignore-not-found -f deny.yaml" in planned.stdout
    back = npol_here("rollback", story, *there)

    assert back.returncode == 0, back.stdout + back.stderr
    assert nothing_is_left(server)


@pytest.fixture
def struck(home, story, there, policies):
    """Strike a run while its policy is applied; the exit code, and the seconds until it ended."""

    def strike(sign):
        process = subprocess.Popen(
            [NPOL, "run", story, *there],
            env=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        eventually(lambda: policies() == {"deny-all"}, 60)
        began = time.monotonic()
        process.send_signal(sign)
        output, _ = process.communicate(timeout=60)
        return process.returncode, time.monotonic() - began, output

    return strike


@pytest.mark.parametrize("sign", SIGNS)
def test_a_run_that_is_stopped_gives_the_cluster_back(server, struck, sign):
    code, seconds, output = struck(sign)

    assert code == 128 + sign, output
    assert output.splitlines()[-1].endswith(f"exit code {code}, stopped by {sign.name}")
    assert nothing_is_left(server)
    assert seconds < 30, output


def test_a_run_that_is_killed_is_restored_by_its_watchdog(server, struck):
    struck(signal.SIGKILL)

    eventually(lambda: nothing_is_left(server), 60)


@pytest.fixture
def slow(story):
    """A story that waits while its policy is applied."""
    story.write_text(slowed_down(story.read_text()))
    return story


@pytest.fixture
def unhurried(story):
    """The same, but it goes on, and says so, after some seconds."""
    story.write_text(slowed_down(story.read_text(), 3))
    return story


def test_a_run_whose_reader_goes_gives_the_cluster_back(unread, server, unhurried, there, policies):
    applied = partial(eventually, lambda: policies() == {"deny-all"}, 60)

    assert unread("run", unhurried, *there, lines=1, meanwhile=applied) == (141, "")

    assert nothing_is_left(server)


@pytest.mark.nightly
def test_incomplete_restore_outranks_broken_pipe(
    npol_here, unread, server, unhurried, there, policies
):
    def edited():
        eventually(lambda: policies() == {"deny-all"}, 60)
        policy = server.ask("GET", f"{POLICIES}/deny-all")
        policy["spec"]["policyTypes"] = ["Egress"]
        server.ask("PUT", f"{POLICIES}/deny-all", policy)

    assert unread("run", unhurried, *there, lines=1, meanwhile=edited) == (6, "")

    server.ask("DELETE", f"{POLICIES}/deny-all")
    assert npol_here("recover", *there).returncode == 0
    assert nothing_is_left(server)


def strangers(server, count, **spec):
    """Pods in the shop that no story speaks of."""
    container = {"name": "main", "image": "registry.k8s.io/pause:3.10"}
    for number in range(count):
        metadata = {"name": f"stranger-{number}", "namespace": "shop"}
        body = {"metadata": metadata, "spec": {"containers": [container], **spec}}
        server.ask("POST", PODS, {"apiVersion": "v1", "kind": "Pod", **body})
    yield
    for number in range(count):
        server.ask("DELETE", f"{PODS}/stranger-{number}?gracePeriodSeconds=0")


@pytest.fixture
def three_strangers(server, shop):
    yield from strangers(server, 3)


@pytest.fixture
def critical(server, shop):
    yield from strangers(server, 1, priorityClassName="system-cluster-critical")


def test_a_policy_that_reaches_too_many_is_refused(
    npol_here, server, story, there, three_strangers
):
    run = ("run", story, *there, "--max-unlisted-pods")
    foretold = npol_here(*run, "2", "--dry-run")
    refused = npol_here(*run, "2")

    for said in (foretold.stdout, refused.stderr):
        assert "3 pod(s) that the story does not name, shop/stranger-0" in said
    assert (foretold.returncode, refused.returncode) == (4, 4)
    assert nothing_is_left(server)
    assert npol_here(*run, "3").returncode == 0


def test_a_policy_that_cuts_what_the_cluster_needs_is_refused(
    npol_here, server, story, there, critical
):
    refused = npol_here("run", story, *there, "--max-unlisted-pods", "100")

    assert refused.returncode == 4
    assert "deny.yaml:2:1) selects shop/stranger-0: critical to the cluster" in refused.stderr
    assert nothing_is_left(server)


@pytest.fixture
def running(home, slow, there, policies):
    """A run whose policy is applied; it is stopped in the end."""
    process = subprocess.Popen(
        [NPOL, "run", slow, *there], env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    eventually(lambda: policies() == {"deny-all"}, 60)
    yield process
    process.terminate()
    process.wait(60)


def test_a_namespace_that_is_held_is_waited_for(npol_here, server, tmp_path, there, running):
    (tmp_path / "other").mkdir()
    other = write_shop(tmp_path / "other")
    refused = npol_here("run", other, *there)
    assert (refused.returncode, "--wait SECONDS" in refused.stderr) == (5, True)

    ending = threading.Timer(2.0, running.terminate)
    ending.start()
    waited = npol_here("run", other, *there, "--wait", "60")

    assert waited.returncode == 0, waited.stdout + waited.stderr
    assert nothing_is_left(server)


def test_changes_of_a_dead_run_are_restored_before_the_next_run(
    npol_here, server, tmp_path, there, running
):
    (watchdog,) = children(running.pid)
    os.kill(watchdog, signal.SIGKILL)
    running.kill()
    running.wait()
    (tmp_path / "other").mkdir()
    other = write_shop(tmp_path / "other")
    refused = npol_here("run", other, *there)
    assert (refused.returncode, "--recover-stale" in refused.stderr) == (5, True)

    done = npol_here("run", other, *there, "--recover-stale")

    assert done.returncode == 0, done.stdout + done.stderr
    assert nothing_is_left(server)


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        pytest.param(signal.SIGTERM, pytest.ExitCode.INTERRUPTED, id="SIGTERM"),
        pytest.param(signal.SIGHUP, pytest.ExitCode.INTERRUPTED, id="SIGHUP", marks=nightly),
        pytest.param(signal.SIGKILL, -signal.SIGKILL, id="SIGKILL", marks=nightly),
        pytest.param(OS_EXIT, 1, id="timeout-by-os._exit", marks=nightly),
    ],
)
def test_a_pytest_that_ends_in_any_way_gives_the_cluster_back(
    home, server, slow, lab, policies, ends, code
):
    named = (f"--kubeconfig={lab.kubeconfig}", f"--kube-context={lab.context}")
    options = ends if isinstance(ends, list) else ["-p", "no:timeout"]
    process = subprocess.Popen(
        [NPOL.with_name("python"), "-m", "pytest", "-p", "no:cacheprovider", *named, *options],
        cwd=slow.parent,
        env=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: policies() == {"deny-all"}, 60)
    if not isinstance(ends, list):
        process.send_signal(ends)

    assert process.wait(60) == code
    eventually(lambda: nothing_is_left(server), 60)
