"""Stories written in Python: the `netpol` fixture, with packets in a lab."""

from pathlib import Path

import pytest

from npol.errors import Refused
from tests.e2e.conftest import Server

BASELINE = "../../fixtures/baseline/infra/manifests"
PEERS = {
    "frontend": {"namespace": "frontend-dev", "labels": {"app": "frontend"}},
    "backend": {"namespace": "backend-dev", "service": "backend-sample"},
    "stranger": {"namespace": "backend-dev", "labels": {}},
}


@pytest.mark.lab
def test_netpol_fixture_changes_settles_and_judges(netpol):
    with netpol(peers=PEERS, given=[f"{BASELINE}/apps"], defaults={"timeout": "1s"}) as net:
        asked = net.expect(
            {"frontend -> backend:80": "http 200", "stranger -> backend:80": "allow"}
        )
        assert all(flow.source_pod.name.startswith("npol-") for flow in asked.flows)
        net.apply(f"{BASELINE}/network-policies/backend-dev/00-deny-all.yaml")
        net.expect("frontend -> backend:80", "deny")
        net.delete(f"{BASELINE}/network-policies/backend-dev/00-deny-all.yaml")
        net.expect(
            {"frontend -> backend:80": "allow", "frontend ? backend-sample.backend-dev": "allow"}
        )


@pytest.mark.lab
def test_netpol_fixture_fails_on_what_is_not_so(netpol):
    short = {"timeout": "500ms", "settle": {"within": "1s"}}
    given = [f"{BASELINE}/apps"]
    with (
        netpol(peers=PEERS, given=given, defaults=short) as net,
        pytest.raises(AssertionError) as failed,
    ):
        net.expect("frontend -> backend:80", "deny")

    text = str(failed.value)
    assert text.startswith("TOO OPEN: frontend -> backend:80  (step step 1)\n")
    assert "\n  expected   deny\n  seen       open\n" in text
    assert "\n  evidence   " in text
    assert "by hand" not in text
    assert not [entry for entry in failed.traceback if "python_api" in str(entry.path)]


@pytest.mark.lab
def test_netpol_fixture_refuses_a_policy_that_cuts_what_the_cluster_needs(netpol, npol_cluster):
    server, pods = Server(Path(npol_cluster.kubeconfig)), "/api/v1/namespaces/backend-dev/pods"
    container = {"name": "main", "image": "registry.k8s.io/pause:3.10"}
    spec = {"containers": [container], "priorityClassName": "system-cluster-critical"}
    stranger = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stranger"}, "spec": spec}
    with netpol(peers=PEERS, given=[f"{BASELINE}/apps"], defaults={"timeout": "1s"}) as net:
        net.expect("frontend -> backend:80", "http 200")
        server.ask("POST", pods, stranger)
        net.apply(f"{BASELINE}/network-policies/backend-dev/00-deny-all.yaml")
        with pytest.raises(Refused, match=r"00-deny-all.yaml:\d+:\d+\) selects backend-dev/strang"):
            net.expect("frontend -> backend:80", "deny")
        server.ask("DELETE", f"{pods}/stranger?gracePeriodSeconds=0")
        net.expect("frontend -> backend:80", "http 200")
