"""
Runs struck at every fail point: nothing of them is left once they, their watchdog, or one
`recover` is done. The points are read from the code.
"""

import os
import signal
import time

import pytest

from npol.changes.recover.recovery import exit_code, open_runs, recover
from tests.changes.points import all_points
from tests.changes.scripted import LEASE, Striker, found, found_workload

POINTS = all_points()
POLICIES = "networkpolicies.networking.k8s.io"
DEPLOYMENTS = "deployments.apps"
PHASES = (
    "local.directory.after",
    "journal.create.before",
    "lease.create.after",
    "journal.replace.after",
    "given.create.before",
    "policy.create.after",
    "policy.replace.before",
    "policy.delete.after",
    "labels.set.before",
    "workload.scale.after",
    "workload.evict.after",
    "restore.scale.before",
    "restore.replace.before",
    "restore.delete.after",
    "debug-pod.delete.after",
    "lease.delete.before",
    "journal.remove.before",
)
"""One point in each phase of a run's life; `make nightly` takes all points."""
SIGNALS = ("INT", "TERM", "HUP")
REPEATED = [p for p in POINTS if p.startswith(("local.write", "local.sync", "journal.replace"))]
ONE_SIDE = [
    pytest.param(point, marks=[] if number % 16 == (number // 16) % 2 else pytest.mark.nightly)
    for number, point in enumerate(POINTS)
]
"""Every eighth fail point, by turns before and after it; `make nightly` takes all."""
RESTORING = [p for p in POINTS if p.startswith("restore.")]


@pytest.fixture(scope="module")
def striker(server):
    striker = Striker(server.kubeconfig, workloads=True)
    yield striker
    striker.close()


@pytest.fixture
def before(cluster, request):
    """A shop and a bank as a run finds them; the state namespace is missing where that matters."""
    if "state-namespace" in request.node.name:
        cluster.remove("namespaces", None, "npol-system")
        eventually(lambda: cluster.get("namespaces", None, "npol-system") is None)
    for body in found():
        resource = "pods" if body["kind"] == "Pod" else POLICIES
        cluster.edit("create", resource, body, manager="kubectl")
    cluster.edit("create", DEPLOYMENTS, found_workload(), manager="kubectl")
    return cluster.state()


def files(directory):
    return [p.name for p in directory.glob("*")]


def eventually(condition, within=60.0):
    """Seconds until it holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within
        time.sleep(0.02)
    return time.monotonic() - began


def test_the_whole_run_without_a_signal_leaves_nothing(cluster, before, striker, tmp_path):
    state = tmp_path / "state"

    assert striker.strike("", state) == (0, "")

    assert cluster.state() == before
    assert files(state) == []


# -- SIGKILL of the run and its watchdog (F05, F06)


def recover_restores(cluster, before, striker, directory, fail_point):
    here, elsewhere = directory / "here", directory / "elsewhere"

    code, output = striker.strike(fail_point, here)
    assert code == -signal.SIGKILL, output
    done = recover(cluster.connect(), state_directory=elsewhere)

    assert exit_code(done) == 0, done
    assert cluster.state() == before
    assert exit_code(recover(cluster.connect(), state_directory=here)) == 0
    assert cluster.state() == before
    assert files(here) == []
    assert open_runs(cluster.connect(), state_directory=here) == []


@pytest.mark.parametrize("point", ONE_SIDE)
def test_recover_from_another_machine_brings_everything_back(
    cluster, before, striker, tmp_path, point
):
    recover_restores(cluster, before, striker, tmp_path, f"{point}:KILL")


@pytest.mark.nightly
@pytest.mark.parametrize("nth", range(2, 12))
@pytest.mark.parametrize("point", REPEATED)
def test_recover_brings_everything_back_from_any_write_of_the_journal(
    cluster, before, striker, tmp_path, point, nth
):
    recover_restores(cluster, before, striker, tmp_path, f"{point}:KILL:{nth}")


# -- SIGKILL of the run alone (F05)


def watchdog_restores(cluster, before, striker, state, fail_point, act="run"):
    code, output = striker.strike(fail_point, state, watched=True, act=act)
    assert code in (-signal.SIGKILL, 3), output
    return eventually(lambda: cluster.state() == before and files(state) == [])


@pytest.mark.parametrize("point", PHASES[5::3])
def test_the_watchdog_brings_everything_back(cluster, before, striker, tmp_path, point):
    watchdog_restores(cluster, before, striker, tmp_path / "state", f"{point}:KILL")


@pytest.mark.nightly
@pytest.mark.parametrize("point", POINTS)
def test_the_watchdog_brings_everything_back_from_every_point(
    cluster, before, striker, tmp_path, point
):
    watchdog_restores(cluster, before, striker, tmp_path / "state", f"{point}:KILL")


def test_the_watchdog_restores_after_an_exit_without_teardown(cluster, before, striker, tmp_path):
    watchdog_restores(cluster, before, striker, tmp_path / "state", "", act="vanish")


# -- signals that a run can handle (F01, F03, F04, F12)


def stops_in_order(cluster, before, striker, state, point, name, **options):
    code, output = striker.strike(f"{point}:{name}", state, **options)

    assert (code, output) == (128 + signal.Signals[f"SIG{name}"], "")
    assert cluster.state() == before
    assert files(state) == []


@pytest.mark.parametrize(
    ("point", "name"), [(p, SIGNALS[n % 3]) for n, p in enumerate(PHASES)], ids=str
)
def test_a_signal_in_each_phase_is_an_orderly_end(cluster, before, striker, tmp_path, point, name):
    stops_in_order(cluster, before, striker, tmp_path / "state", point, name)


@pytest.mark.nightly
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("point", POINTS)
def test_a_signal_at_any_point_is_an_orderly_end(cluster, before, striker, tmp_path, point, name):
    stops_in_order(cluster, before, striker, tmp_path / "state", point, name)


def test_sigterm_works_where_the_shell_ignores_sigint(cluster, before, striker, tmp_path):
    ignored = ("SIGINT", "SIGHUP")
    stops_in_order(
        cluster, before, striker, tmp_path / "s", "policy.create.after", "TERM", ignored=ignored
    )


def test_sigint_works_where_the_shell_ignores_it(cluster, before, striker, tmp_path):
    stops_in_order(
        cluster, before, striker, tmp_path / "s", "policy.create.after", "INT", ignored=("SIGINT",)
    )


def test_nohup_is_respected(cluster, before, striker, tmp_path):
    state = tmp_path / "state"

    code, _ = striker.strike("policy.create.after:HUP", state, ignored=("SIGHUP",))

    assert code == 0
    assert cluster.state() == before


def test_later_sigterms_do_not_interrupt_the_restore(cluster, before, striker, tmp_path):
    points = "policy.create.after:TERM,restore.delete.before:TERM,restore.labels.after:HUP"

    code, _ = striker.strike(points, tmp_path / "state")

    assert code == 128 + signal.SIGTERM
    assert cluster.state() == before


# -- a second SIGINT (F02)


def second_interrupt(cluster, before, striker, state, point):
    code, output = striker.strike(f"policy.create.after:INT:3,{point}:INT", state)

    assert code == 6, output
    assert "npol recover struck --context test" in output
    assert cluster.state()["journals"]
    assert exit_code(recover(cluster.connect(), state_directory=state)) == 0
    assert cluster.state() == before
    assert files(state) == []


@pytest.mark.parametrize("point", RESTORING[::4])
def test_a_second_interrupt_ends_after_the_write_at_hand(cluster, before, striker, tmp_path, point):
    second_interrupt(cluster, before, striker, tmp_path / "state", point)


@pytest.mark.nightly
@pytest.mark.parametrize("point", RESTORING)
def test_a_second_interrupt_at_any_point_of_the_restore(cluster, before, striker, tmp_path, point):
    second_interrupt(cluster, before, striker, tmp_path / "state", point)


# -- recover struck as well (F07)


def test_recover_killed_five_times_in_a_row_still_gets_there(cluster, before, striker, tmp_path):
    state = tmp_path / "state"
    assert striker.strike("policy.create.after:KILL:3", state)[0] == -signal.SIGKILL

    for point in (
        "lease.renew.after",
        "restore.delete.before",
        "restore.labels.after",
        "restore.replace.after",
        "journal.remove.before",
    ):
        assert striker.strike(f"{point}:KILL", state, act="recover")[0] == -signal.SIGKILL, point

    assert striker.strike("", state, act="recover")[0] == 0
    assert cluster.state() == before
    assert files(state) == []


# -- struck while it leaves its changes


@pytest.mark.parametrize(
    "point",
    [
        "debug-pod.delete.before",
        "debug-pod.delete.after",
        "lease.delete.before",
        "lease.delete.after",
    ],
)
def test_a_run_killed_while_it_leaves_has_left_its_changes_and_nothing_else(
    cluster, before, striker, tmp_path, point
):
    state = tmp_path / "state"
    assert striker.strike(f"{point}:KILL", state, act="leave")[0] == -signal.SIGKILL

    assert exit_code(recover(cluster.connect(), state_directory=state)) == 0

    now = cluster.state()
    assert (now["leases"], now["journals"]) == ([], ["npol-struck-0"])
    assert "bank/second" in now["policies"]
    assert "bank/debug" not in now["pods"]
    done = recover(cluster.connect(), with_left=True, state_directory=state)
    assert exit_code(done) == 0
    assert cluster.state() == before


# -- stopped for longer than the lock lives (F08)


def test_a_run_that_wakes_up_after_it_was_recovered_writes_nothing_more(
    cluster, before, striker, tmp_path
):
    here = tmp_path / "here"
    order = striker.start("policy.replace.after:STOP", here)
    eventually(lambda: "shop" in cluster.state()["leases"])
    lease = cluster.get("leases.coordination.k8s.io", "shop", "npol")
    pid = int(lease["metadata"]["annotations"]["npol.dev/pid"])
    eventually(lambda: is_stopped(pid))
    time.sleep(LEASE)

    done = recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "elsewhere")
    assert exit_code(done) == 0
    assert cluster.state() == before
    cluster.asked.clear()
    os.kill(pid, signal.SIGCONT)
    code, output = striker.wait(order)

    assert code == 5, output
    assert "was lost: its Lease was deleted" in output
    assert cluster.state() == before
    assert not [a for a in cluster.asked if a.writes and a.resource == POLICIES]


def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"
