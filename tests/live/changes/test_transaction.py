"""Runs struck on a real cluster: the same script as in tests/changes/test_kills.py."""

import secrets
import signal
import time

import pytest

from npol.changes.begin import TransactionOptions
from npol.changes.recover.recovery import exit_code, recover
from npol.changes.transaction import Transaction
from npol.kube.connection import Mode
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import CONFIG_MAPS, LEASES, NAMESPACES, NETWORK_POLICIES, PODS, Ref
from tests.changes.cluster import kept, policy
from tests.changes.scripted import RUN, Striker, found, work

pytestmark = pytest.mark.live

KILLED = (
    "journal.replace.after",
    "journal.replace.before",
    "lease.create.after",
    "given.create.after",
    "policy.create.after",
    "policy.replace.before",
    "policy.delete.after",
    "labels.set.after",
    "restore.delete.before",
    "restore.create.after",
    "restore.owners.before",
    "lease.delete.before",
    "journal.remove.before",
)
STOPPED = (
    ("policy.create.after", "TERM"),
    ("restore.replace.before", "INT"),
    ("labels.set.after", "HUP"),
)


@pytest.fixture(scope="module")
def places(connected):
    """Two namespaces of this module alone."""
    names = [f"npol-live-{secrets.token_hex(4)}" for _ in range(2)]
    connection = connected()
    connection.permit(namespaces=names, kinds=[NAMESPACES, PODS])
    for name in names:
        connection.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for body in found(*names):
        connection.create(body)
    eventually(lambda: running(connection, names[0]), 120)
    yield names
    for name in names:
        connection.delete(Ref(NAMESPACES, "", name))
    eventually(lambda: not [n for n in names if connection.get(Ref(NAMESPACES, "", n))], 120)


@pytest.fixture(scope="module")
def striker(target, places):
    striker = Striker(target.kubeconfig, target.context, places)
    yield striker
    striker.close()


@pytest.fixture
def state(connected, places):
    """What must be as before, read afresh."""
    connection = connected(Mode.READ_ONLY)

    def state():
        policies = [p for name in places for p in connection.list(NETWORK_POLICIES, name)]
        pods = [p for name in places for p in connection.list(PODS, name)]
        namespaces = [connection.get(Ref(NAMESPACES, "", name)) for name in places]
        journals = connection.list(CONFIG_MAPS, STATE_NAMESPACE)
        return {
            "policies": {named(p): (kept(p), owners(p)) for p in policies},
            "pods": {named(p): p["metadata"]["labels"] for p in pods},
            "labels": [n["metadata"]["labels"] for n in namespaces],
            "leases": [n for n in places if connection.get(Ref(LEASES, n, "npol"))],
            "journals": [j for j in journals if j["metadata"]["name"].startswith(f"npol-{RUN}-")],
        }

    return state


def named(obj):
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def owners(obj):
    """Which manager owns which fields."""
    return {f["manager"]: f["fieldsV1"] for f in obj["metadata"]["managedFields"]}


def running(connection, namespace):
    return all(p["status"].get("phase") == "Running" for p in connection.list(PODS, namespace))


def eventually(condition, within):
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_whole_run_leaves_nothing_and_gives_the_fields_back_to_their_owners(
    connected, places, state, tmp_path
):
    before = state()
    connection = connected()
    transaction = Transaction.open(
        connection,
        TransactionOptions(
            run_id=RUN,
            namespaces=places,
            replace=True,
            kinds=[PODS],
            state_directory=tmp_path,
        ),
    )

    work(transaction, connection, *places)
    assert transaction.changed_by_others() == []
    assert transaction.restore().complete
    transaction.close()

    assert state() == before


@pytest.mark.parametrize("point", KILLED)
def test_recover_brings_back_what_a_killed_run_has_changed(
    connected, striker, state, tmp_path, point
):
    before = state()
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"

    code, output = striker.strike(f"{point}:KILL", here)
    assert code == -signal.SIGKILL, output
    done = recover(connected(), run_id=RUN, state_directory=elsewhere)

    assert exit_code(done) == 0, done
    assert state() == before


@pytest.mark.parametrize("point", KILLED[4:8])
def test_the_watchdog_brings_it_back(striker, state, tmp_path, point):
    before = state()

    code, output = striker.strike(f"{point}:KILL", tmp_path / "here", watched=True)
    assert code == -signal.SIGKILL, output

    eventually(lambda: state() == before, 15)


@pytest.mark.parametrize(("point", "name"), STOPPED)
def test_a_signal_is_an_orderly_end(striker, state, tmp_path, point, name):
    before = state()

    code, output = striker.strike(f"{point}:{name}", tmp_path / "here")

    assert (code, output) == (128 + signal.Signals[f"SIG{name}"], "")
    assert state() == before


def test_a_replaced_policy_can_be_applied_by_its_owner_afterwards(connected, places, tmp_path):
    """No field is left with npol, so a server-side apply of the true owner has no conflict."""
    connection = connected()
    connection.permit(namespaces=places)
    body = policy("owned", places[0], ingress=[{}])
    connection.apply(body, manager="kubectl")
    transaction = Transaction.open(
        connected(),
        TransactionOptions(
            run_id=RUN,
            namespaces=places,
            replace=True,
            state_directory=tmp_path,
        ),
    )
    transaction.apply(policy("owned", places[0], policyTypes=["Egress"]))
    transaction.close()

    changed = policy("owned", places[0], ingress=[{"ports": [{"port": 80, "protocol": "TCP"}]}])
    connection.apply(changed, manager="kubectl")

    connection.delete(Ref(NETWORK_POLICIES, places[0], "owned"))
