"""The canary in the lab: real packets, with and without enforcement, and nothing left."""

from __future__ import annotations

import pytest

from npol.errors import Refused
from npol.kube.connection import Mode, connect
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import CONFIG_MAPS, LEASES, NETWORK_POLICIES, PODS
from npol.model.expectation import Outcome
from npol.model.story_settings import PodSettings
from npol.run.enforcement_proof import prove_enforcement
from npol_lab.session import Lab, LabOptions

pytestmark = pytest.mark.lab


def left(connection):
    kinds = (PODS, NETWORK_POLICIES, LEASES, CONFIG_MAPS)
    found = (o["metadata"]["name"] for k in kinds for o in connection.list(k, STATE_NAMESPACE))
    return [name for name in found if name != "kube-root-ca.crt"]


def prove(options, **settings):
    with Lab.start(options) as lab:
        connection = connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.APPLY)
        try:
            return prove_enforcement(
                connection, run_id="test", settings=PodSettings(), disposable=True, **settings
            )
        finally:
            assert left(connection) == []


def test_enforcement_is_proven_with_its_delay():
    proof = prove(LabOptions(enforcement_delay=1.5))

    assert 1.2 < proof.closed_after < 4
    assert 1.2 < proof.opened_after < 5
    assert proof.denial == {Outcome.TIMEOUT}


def test_a_cluster_that_ignores_policies_is_refused():
    with pytest.raises(Refused, match="NetworkPolicies are not enforced here"):
        prove(LabOptions(enforcement=False), within=2.0)
