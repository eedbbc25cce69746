"""Runs that change policies of the whole cluster, struck at every fail point: nothing is left."""

import random
import signal

import pytest

from npol.changes.recover.recovery import exit_code, recover
from tests.changes.cluster import CLUSTER_POLICIES, GLOBAL_POLICIES
from tests.changes.other_policies import found_of
from tests.changes.points import OF_WORKLOADS, points_without
from tests.changes.scripted import Striker, found
from tests.changes.test_kills import POLICIES, files

RESOURCES = {"ClusterNetworkPolicy": CLUSTER_POLICIES, "GlobalNetworkPolicy": GLOBAL_POLICIES}
POINTS = points_without("state-namespace", *OF_WORKLOADS)  # it is there already
CENTRAL = ("lease.create.after", "policy.create.after:KILL:2", "policy.delete.after:KILL:3")
SEED = 20261129


@pytest.fixture(scope="module")
def striker(server):
    striker = Striker(server.kubeconfig, others="lab")
    yield striker
    striker.close()


@pytest.fixture
def before(defined):
    for body in found():
        resource = "pods" if body["kind"] == "Pod" else POLICIES
        defined.edit("create", resource, body, manager="kubectl")
    for body in found_of("lab"):
        defined.edit("create", RESOURCES[body["kind"]], body, manager="kubectl")
    return defined.state()


def recovered(cluster, before, striker, directory, fail_point):
    code, output = striker.strike(fail_point, directory / "here")
    done = recover(cluster.connect(), state_directory=directory / "elsewhere")

    assert code == -signal.SIGKILL, output
    assert exit_code(done) == 0, done
    assert cluster.state() == before


def test_the_whole_run_without_a_signal_leaves_nothing(defined, before, striker, tmp_path):
    assert striker.strike("", tmp_path / "state") == (0, "")

    assert defined.state() == before
    assert files(tmp_path / "state") == []


@pytest.mark.parametrize("point", CENTRAL)
def test_recover_brings_the_policies_of_the_cluster_back(defined, before, striker, tmp_path, point):
    recovered(defined, before, striker, tmp_path, point if "KILL" in point else f"{point}:KILL")


@pytest.mark.nightly
@pytest.mark.parametrize("point", POINTS)
def test_recover_brings_them_back_from_every_point(defined, before, striker, tmp_path, point):
    recovered(defined, before, striker, tmp_path, f"{point}:KILL")


def chosen(count):
    """Points of a policy's writes and of their journal, at their nth time."""
    rng = random.Random(SEED)
    often = [p for p in POINTS if p.startswith(("policy.", "journal.replace", "local.write"))]
    return [f"{rng.choice(often)}:KILL:{rng.randint(1, 4)}" for _ in range(count)]


@pytest.mark.nightly
@pytest.mark.parametrize("point", chosen(50))
def test_recover_brings_them_back_from_random_writes(defined, before, striker, tmp_path, point):
    code, output = striker.strike(point, tmp_path / "here")
    done = recover(defined.connect(), state_directory=tmp_path / "elsewhere")

    assert code in (0, -signal.SIGKILL), output  # a point may not come so often
    assert exit_code(done) == 0, done
    assert defined.state() == before
