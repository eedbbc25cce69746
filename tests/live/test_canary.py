"""The canary on a real cluster: with its own pods, its journal, and nothing left of it."""

from __future__ import annotations

import os
import secrets

import pytest

from npol.cni.detect import Enforces, detect, gather
from npol.errors import Refused
from npol.kube.connection import Mode
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import CONFIG_MAPS, LEASES, NETWORK_POLICIES, PODS
from npol.model.story_settings import PodSettings
from npol.run.enforcement_proof import prove_enforcement

pytestmark = pytest.mark.live


def enforced(connection) -> bool:
    """NPOL_TEST_ENFORCES=no says that the cluster has no policy engine."""
    hint = detect(gather(connection)).enforces
    return hint is not Enforces.NO and os.environ.get("NPOL_TEST_ENFORCES") != "no"


def names(connection, kind):
    """The objects of npol in the state namespace."""
    found = (o["metadata"]["name"] for o in connection.list(kind, STATE_NAMESPACE))
    return {name for name in found if name != "kube-root-ca.crt"}


def test_enforcement_is_proven_or_refused_and_nothing_stays(connected):
    connection = connected(Mode.APPLY)
    kinds = (PODS, NETWORK_POLICIES, LEASES, CONFIG_MAPS)
    before = {kind.plural: names(connection, kind) for kind in kinds}

    def prove():
        run_id = f"live-{secrets.token_hex(3)}"
        return prove_enforcement(connection, run_id=run_id, settings=PodSettings(), within=10.0)

    if enforced(connection):
        proof = prove()
        assert proof.denial <= detect(gather(connection)).denial
        assert proof.closed_after < 10
    else:
        with pytest.raises(Refused, match="NetworkPolicies are not enforced here"):
            prove()

    assert {kind.plural: names(connection, kind) for kind in kinds} == before
