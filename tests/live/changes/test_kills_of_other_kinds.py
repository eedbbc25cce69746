"""Runs killed anywhere on a real cluster that change policies of other kinds: all are put back."""

from __future__ import annotations

import random
import secrets
import signal

import pytest

from npol.changes.recover.recovery import exit_code, recover
from npol.kube.connection import Mode
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES, PODS, Ref
from tests.changes.cluster import kept
from tests.changes.other_policies import SETS, found_of
from tests.changes.points import OF_WORKLOADS, points_without
from tests.changes.scripted import Striker, found

pytestmark = [pytest.mark.live, pytest.mark.nightly]

GROUPS = {"cilium": "cilium.io", "tiers": "policy.networking.k8s.io"}
POINTS = points_without("local.directory", "state-namespace", *OF_WORKLOADS)
KILLS = 25


class Place:
    """Two namespaces of this module alone, and the policies of the cluster that are about them."""

    def __init__(self, connection, others):
        self.connection = connection
        self.others = others
        self.names = [f"npol-live-{secrets.token_hex(4)}" for _ in range(2)]
        makers = {make("any")["kind"]: make("any") for make in SETS[others]}
        self.kinds = [connection.resource(b["apiVersion"], b["kind"]) for b in makers.values()]
        kinds = [NAMESPACES, PODS, *self.kinds]
        connection.permit(namespaces=["", *self.names], kinds=kinds)

    def __enter__(self):
        for name in self.names:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self.connection.create(body)
        for body in (*found(*self.names), *found_of(self.others, self.names[0])):
            self.connection.create(body)
        return self

    def __exit__(self, *_):
        for ref in map(self.connection.ref_of, self._own_policies()):
            self.connection.delete(ref)
        for name in self.names:
            self.connection.delete(Ref(NAMESPACES, "", name))

    def _own_policies(self):
        shop = self.names[0]
        return [
            policy
            for kind in self.kinds
            for policy in self.connection.list(kind, shop if kind.namespaced else "")
            if policy["metadata"]["name"].startswith(shop)
        ]

    def state(self):
        """What a run must leave as it was; what Cilium's agents write into a status is theirs."""
        inside = [o for n in self.names for o in self.connection.list(NETWORK_POLICIES, n)]
        pods = [p for name in self.names for p in self.connection.list(PODS, name)]
        spaces = [self.connection.get(Ref(NAMESPACES, "", name)) for name in self.names]
        return (
            sorted((p["metadata"]["name"], str(kept(p))) for p in (*inside, *self._own_policies())),
            sorted((p["metadata"]["name"], str(p["metadata"]["labels"])) for p in pods),
            [n["metadata"]["labels"] for n in spaces],
        )


@pytest.fixture(scope="module", params=[*GROUPS])
def place(request, connected):
    connection = connected(Mode.APPLY)
    served = {group["name"] for group in connection.raw("GET", "/apis")["groups"]}
    if GROUPS[request.param] not in served:
        pytest.skip(f"no kind of {GROUPS[request.param]} is served here")
    with Place(connection, request.param) as place:
        yield place


@pytest.fixture(scope="module")
def striker(target, place):
    striker = Striker(target.kubeconfig, target.context, place.names, others=place.others)
    yield striker
    striker.close()


@pytest.mark.parametrize("seed", range(KILLS))
def test_policies_of_other_kinds_are_put_back_after_a_kill(
    connected, striker, place, tmp_path, seed
):
    chance = random.Random(seed)
    before = place.state()
    point = f"{chance.choice(POINTS)}:KILL:{chance.choice((1, 1, 2, 3))}"

    code, output = striker.strike(point, tmp_path / "state")
    done = recover(connected(), state_directory=tmp_path / "elsewhere")

    assert code in (0, -signal.SIGKILL), f"{point}: {output}"
    assert exit_code(done) == 0, done
    assert place.state() == before, point
