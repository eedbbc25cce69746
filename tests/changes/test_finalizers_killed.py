"""Runs killed anywhere, in a cluster whose controller holds each policy by a finalizer."""

import random
import signal
import time

import pytest

from npol.changes.recover.recovery import exit_code, recover
from tests.changes.cluster import Cluster
from tests.changes.conftest import empty
from tests.changes.finalizing_controller import POLICIES, finalizing
from tests.changes.points import OF_WORKLOADS, points_without
from tests.changes.scripted import Striker, found

FAST, SLOW = 0.05, 20.0
"""Seconds for which the controller holds a deleted policy, at most."""
POINTS = points_without("local.directory", "state-namespace", *OF_WORKLOADS)
SUITE = 20


def seeds():
    """The suite takes the first 20; at night 300, of which every thirtieth is slow."""
    for seed in range(SUITE + 300):
        late = seed >= SUITE
        limit = SLOW if late and seed % 30 == 0 else 0.5 if late else FAST
        yield pytest.param(seed, limit, marks=[pytest.mark.nightly] if late else [])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("finalizing")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def striker(server):
    striker = Striker(server.kubeconfig)
    yield striker
    striker.close()


@pytest.mark.parametrize(("seed", "limit"), list(seeds()))
def test_no_policy_is_lost_and_none_is_called_restored_that_is_not(
    server, striker, tmp_path, seed, limit
):
    empty(server)
    chance = random.Random(seed)
    for body in found():
        resource = "pods" if body["kind"] == "Pod" else POLICIES
        server.edit("create", resource, body, manager="kubectl")
    with finalizing(server, lambda: chance.uniform(0.0, limit)):
        before = server.state()
        point = f"{chance.choice(POINTS)}:KILL:{chance.choice((1, 1, 2, 3))}"

        code, output = striker.strike(point, tmp_path / "state")
        done = recover(server.connect(), state_directory=tmp_path / "elsewhere")

        assert code in (0, -signal.SIGKILL), f"{point}: {output}"
        assert exit_code(done) == 0, done
        assert server.state() == before, point
        assert exit_code(recover(server.connect(), state_directory=tmp_path / "state")) == 0
        assert server.state() == before, point
    _wait_until_free(server)


def _wait_until_free(server):
    empty(server)
    until = time.monotonic() + 60
    while server.list(POLICIES):
        assert time.monotonic() < until
        time.sleep(0.01)
