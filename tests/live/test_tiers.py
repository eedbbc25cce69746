"""
ClusterNetworkPolicy on a cluster that has the kind and acts on it: names in Hubble's records, and
random cases as packets.
"""

from __future__ import annotations

import secrets

import pytest
from hypothesis import strategies as st

from npol.flow_records.control import control_records
from npol.kube.connection import Mode
from npol.model.result import Diagnosis, FlowResult
from npol.story import load_story
from tests import shop
from tests.differential.test_live import Live, asked, in_each
from tests.differential.tiered import cluster_network_policies
from tests.live import nine_by_nine
from tests.policy.clusters import policies

pytestmark = [
    pytest.mark.live,
    pytest.mark.nightly,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("journals", "served"),
]

CASES = 60
WITHOUT = 20
"""Cases of which two flows each lose what decides them."""
GROUP = "policy.networking.k8s.io"
NETWORKS = ["0.0.0.0/0", "10.0.0.0/8", "::/0"]


@pytest.fixture(scope="module")
def connection(connected):
    return connected(Mode.SMOKE)


@pytest.fixture(scope="module")
def served(connection):
    """Skip where the kind is not served; whether anybody acts on it, packets say."""
    groups = {group["name"] for group in connection.raw("GET", "/apis")["groups"]}
    if GROUP not in groups:
        pytest.skip(f"no kind of {GROUP} is served here")


@pytest.fixture(autouse=True)
def whatever_the_environment_says(monkeypatch):
    """Records are read here at night, too."""
    monkeypatch.delenv("NPOL_FLOW_RECORDS", raising=False)


def test_hubble_names_the_policies_that_are_predicted(connection, tmp_path, options):
    told = control_records(connection)
    if not told or any(control.problem for control in told):
        pytest.skip(f"no flow records: {[c.problem for c in told] or 'no agents'}")
    suffix = secrets.token_hex(3)
    path = nine_by_nine.write_story(tmp_path, suffix, tier=True)

    report = shop.told(load_story(path, root=str(tmp_path)), options)

    assert shop.wrong(report) == []
    let_through, denied = (
        [r for r in step.results if isinstance(r, FlowResult)] for step in report.steps[-2:]
    )
    assert (len(let_through), len(denied)) == (81, nine_by_nine.DENIED)
    assert _named(let_through) == {"allow-in"}
    assert _named(denied) == {nine_by_nine.tier_name(suffix)}
    assert {(f.proof.direction.value, f.proof.node == f.target_pods[0].node) for f in denied} == {
        ("ingress", True)
    }
    assert {f.diagnosis for f in (*let_through, *denied)} == {Diagnosis.NONE}


def _named(flows: list[FlowResult]) -> set[str]:
    """
    What the records name, which is what is predicted. Only flows whose ports others had taken are
    not named.
    """
    unnamed = [f.name for f in flows if not f.named_by_data_plane]
    marked = [f.name for f in flows if f.evidence[0].answer.source_port is not None]
    print(f"named {len(flows) - len(unnamed)}, from chosen ports {len(marked)} of {len(flows)}")
    assert not set(unnamed) & set(marked)
    for flow in flows:
        names = {policy.name for policy in flow.named_by_data_plane}
        assert names <= {policy.name for policy in flow.predicted.decided_by}
    return {policy.name for flow in flows for policy in flow.named_by_data_plane}


class Tiered(Live):
    """A run that may change policies of the whole cluster: its story names one."""

    @property
    def prefix(self):
        return next(iter(self.spaces.values()))

    @property
    def nobody(self):
        spec = {
            "tier": "Admin",
            "priority": 900,
            "subject": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "nobody"}}},
        }
        made = {
            "apiVersion": "policy.networking.k8s.io/v1alpha2",
            "kind": "ClusterNetworkPolicy",
            "metadata": {"name": f"{self.prefix}-nobody"},
            "spec": spec,
        }
        return (made,)


@pytest.fixture(scope="module")
def tiered(served, target, connection, tmp_path_factory):
    made = Tiered(target, connection, tmp_path_factory.mktemp("tiers"))
    yield made
    restored = made.run.close()
    assert restored.complete, restored.problems


@st.composite
def cases(draw, tiered):
    """Policies of both kinds, and what is asked."""
    among = [*tiered.spaces.values()]
    networks = [*NETWORKS, *(f"{address}/32" for address in tiered.addresses)]
    tiers = cluster_network_policies(among, networks, prefix=tiered.prefix)
    own = policies(tiered.specs, max_policies=2, namespaces=among)
    return [*draw(tiers), *draw(own)], draw(asked())


def test_evaluator_agrees_with_a_real_cluster_in_tiers(tiered):
    found = in_each(CASES, cases(tiered), lambda made, flows, _: tiered.differences(made, flows))

    assert found == []
    tiered.assert_decided(CASES)


def test_what_is_named_decides(tiered):
    assert in_each(WITHOUT, cases(tiered), tiered.differences_without) == []
    assert tiered.counted["changed"] > WITHOUT / 2
