"""Runs killed anywhere on a real cluster whose controller holds each policy by a finalizer."""

from __future__ import annotations

import random
import secrets
import signal
import threading
import time
from contextlib import contextmanager

import pytest

from npol.changes.recover.recovery import exit_code, recover
from npol.errors import NpolError
from npol.kube.connection import Mode
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES, PODS, Ref
from tests.changes.cluster import kept
from tests.changes.finalizing_controller import FINALIZER
from tests.changes.points import OF_WORKLOADS, points_without
from tests.changes.scripted import Striker, found
from tests.live.conftest import wait_until

pytestmark = [pytest.mark.live, pytest.mark.nightly]

HELD_FOR = 2.0
"""Seconds for which the controller holds a deleted policy, at most."""
POINTS = points_without("local.directory", "state-namespace", *OF_WORKLOADS)
MERGE = {"fieldManager": "amazon-vpc-cni"}


class Controller:
    """Puts a finalizer on every policy of some namespaces, and takes it off the deleted ones."""

    def __init__(self, connection, places, chance):
        self._connection = connection
        self._places = places
        self._chance = chance
        self._frees_at: dict[str, float] = {}
        self.ended = threading.Event()

    def work(self):
        while not self.ended.wait(0.05):
            for policy in self._policies():
                self._see(policy)

    def _policies(self):
        return [p for name in self._places for p in self._connection.list(NETWORK_POLICIES, name)]

    def _see(self, policy):
        metadata = policy["metadata"]
        held = FINALIZER in metadata.get("finalizers", ())
        if not metadata.get("deletionTimestamp"):
            if not held:
                self._set(policy, [*metadata.get("finalizers", ()), FINALIZER])
            return
        due = time.monotonic() + self._chance.uniform(0.0, HELD_FOR)
        if held and time.monotonic() >= self._frees_at.setdefault(metadata["uid"], due):
            self._set(policy, [f for f in metadata["finalizers"] if f != FINALIZER])

    def _set(self, policy, finalizers):
        version = policy["metadata"]["resourceVersion"]
        body = {"metadata": {"finalizers": finalizers, "resourceVersion": version}}
        path = self._connection.ref_of(policy).path
        try:
            self._connection.raw("PATCH", path, query=MERGE, body=body, patch="merge")
        except NpolError:
            return  # somebody was faster: the next look sees it

    def all_held(self):
        return all(FINALIZER in p["metadata"].get("finalizers", ()) for p in self._policies())

    def release(self):
        for policy in self._policies():
            rest = [f for f in policy["metadata"].get("finalizers", ()) if f != FINALIZER]
            self._set(policy, rest)


@contextmanager
def at_work(controller):
    thread = threading.Thread(target=controller.work, daemon=True)
    thread.start()
    try:
        wait_until(controller.all_held, "the finalizers")
        yield
    finally:
        controller.ended.set()
        thread.join()
        controller.release()


@pytest.fixture(scope="module")
def places(connected):
    """Two namespaces of this module alone."""
    names = [f"npol-live-{secrets.token_hex(4)}" for _ in range(2)]
    connection = permit(connected(), names)
    for name in names:
        connection.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield names
    for name in names:
        connection.delete(Ref(NAMESPACES, "", name))


def permit(connection, names):
    connection.permit(namespaces=names, kinds=[NAMESPACES, PODS])
    return connection


@pytest.fixture(scope="module")
def striker(target, places):
    striker = Striker(target.kubeconfig, target.context, places)
    yield striker
    striker.close()


def emptied(connection, places):
    for name in places:
        for kind in (NETWORK_POLICIES, PODS):
            for each in connection.list(kind, name):
                connection.delete(Ref(kind, name, each["metadata"]["name"]), grace=0)
    kinds = (NETWORK_POLICIES, PODS)
    wait_until(lambda: not [o for n in places for k in kinds for o in connection.list(k, n)], "it")


@pytest.fixture
def state(connected, places):
    connection = connected(Mode.READ_ONLY)

    def state():
        policies = [p for name in places for p in connection.list(NETWORK_POLICIES, name)]
        pods = [p for name in places for p in connection.list(PODS, name)]
        namespaces = [connection.get(Ref(NAMESPACES, "", name)) for name in places]
        return (
            sorted((p["metadata"]["name"], str(kept(p))) for p in policies),
            sorted((p["metadata"]["name"], str(p["metadata"]["labels"])) for p in pods),
            [n["metadata"]["labels"] for n in namespaces],
        )

    return state


@pytest.mark.parametrize("seed", range(20))
def test_no_policy_is_lost_and_none_is_called_restored_that_is_not(
    connected, striker, places, state, tmp_path, seed
):
    chance = random.Random(seed)
    connection = permit(connected(), places)
    emptied(connection, places)
    for body in found(*places):
        connection.create(body)
    controller = Controller(permit(connected(), places), places, chance)
    with at_work(controller):
        before = state()
        point = f"{chance.choice(POINTS)}:KILL:{chance.choice((1, 1, 2, 3))}"

        code, output = striker.strike(point, tmp_path / "state")
        done = recover(connected(), state_directory=tmp_path / "elsewhere")

        assert code in (0, -signal.SIGKILL), f"{point}: {output}"
        assert exit_code(done) == 0, done
        wait_until(controller.all_held, "the finalizers")
        assert state() == before, point
        here = recover(connected(), state_directory=tmp_path / "state")
        assert exit_code(here) == 0
        assert state() == before, point
