"""Stories written in Python: the `netpol` fixture, with packets in a lab."""

import pytest

BASELINE = "../../fixtures/baseline/infra/manifests"
PEERS = {
    "frontend": {"namespace": "frontend-dev", "labels": {"app": "frontend"}},
    "backend": {"namespace": "backend-dev", "service": "backend-sample"},
}


@pytest.mark.lab
def test_netpol_fixture_changes_settles_and_judges(netpol):
    with netpol(peers=PEERS, given=[f"{BASELINE}/apps"], defaults={"timeout": "1s"}) as net:
        net.expect("frontend -> backend:80", "http 200")
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
        pytest.raises(AssertionError, match="too open, expected deny, seen open"),
    ):
        net.expect("frontend -> backend:80", "deny")
