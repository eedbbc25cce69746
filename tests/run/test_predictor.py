"""Predictions of a run, from what the cluster holds."""

from typing import Any

import pytest

from npol.model.inventory import Inventory
from npol.model.prediction import PredictedDecision
from npol.policy.state.from_inventory import cluster_state
from npol.report.causes import prediction_words
from npol.run.applied_policies import AppliedPolicies
from npol.run.predictor import Predictor
from npol.story import read_story

STORY = b"""\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}}
  db: {namespace: shop, labels: {app: db}}
steps: [{name: s, flows: [{from: web, to: db, port: 5432, expect: allow}]}]
"""
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "db-0", "namespace": "shop", "uid": "u", "labels": {"app": "db"}},
    "spec": {"containers": [{"name": "db"}]},
    "status": {"phase": "Running", "podIP": "10.0.0.2"},
}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


def other(group, kind, namespace=""):
    place = {"namespace": namespace} if namespace else {}
    metadata = {"name": "theirs", "uid": "t", **place}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": {}}


@pytest.fixture
def predict(tmp_path):
    story = read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    inventory = Inventory(namespaces=(NAMESPACE,), pods=(POD,))

    def predicted(*others):
        state = AppliedPolicies(others=others).state(inventory, story, beside=())
        return Predictor(state, story, "calico").predict(story.steps[0].flows[0])

    return predicted


def test_flow_without_policies_is_predicted_open(predict):
    assert predict().decision is PredictedDecision.ALLOW


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(other("crd.antrea.io/v1beta1", "ClusterNetworkPolicy"), id="antrea"),
        pytest.param(other("cilium.io/v2", "CiliumNetworkPolicy", "shop"), id="cilium"),
        pytest.param(
            other("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"), id="cluster"
        ),
    ],
)
def test_policies_of_other_kinds_leave_no_prediction_and_are_named(predict, policy):
    """They were left out: npol said `predicted allow` and blamed the network plugin."""
    prediction = predict(policy)

    assert prediction.decision is PredictedDecision.UNKNOWN
    assert f"{policy['kind']}." in prediction_words(prediction)


def test_policy_of_another_kind_in_another_namespace_changes_nothing(predict):
    elsewhere = other("cilium.io/v2", "CiliumNetworkPolicy", "far")

    assert predict(elsewhere).decision is PredictedDecision.ALLOW


LOOKS_UP = b"""\
version: 1
peers:
  db: {namespace: shop, workload: statefulset/db}
  web: {namespace: shop, service: web}
steps:
  - name: s
    flows:
      - {from: db, resolve: example.com, expect: allow}
      - {from: db, to: web, port: 80, expect: allow}
"""
NO_DNS = {
    "metadata": {"name": "no-dns", "namespace": "shop"},
    "spec": {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [{"port": 80}]}],
    },
}
WEB = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 80}], "selector": {"app": "db"}},
}


@pytest.mark.parametrize(
    ("dns_policy", "words"),
    [
        pytest.param("ClusterFirst", ["deny", "dns timeout"], id="cluster"),
        pytest.param("Default", ["unknown", "allow"], id="node"),
        pytest.param("None", ["unknown", "allow"], id="its-own"),
    ],
)
def test_policies_for_the_cluster_s_dns_say_nothing_of_other_name_servers(
    tmp_path, dns_policy, words
):
    story = read_story(LOOKS_UP, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    owner = {"kind": "StatefulSet", "name": "db", "controller": True, "uid": "o"}
    pod = {
        **POD,
        "metadata": {**POD["metadata"], "ownerReferences": [owner]},
        "spec": {**POD["spec"], "dnsPolicy": dns_policy},
        "status": {**POD["status"], **ready},
    }
    inventory = Inventory(namespaces=(NAMESPACE,), pods=(pod,), services=(WEB,), policies=(NO_DNS,))
    predictor = Predictor(cluster_state(inventory), story, "calico")

    found = [predictor.predict(flow).decision.value for flow in story.steps[0].flows]
    assert found == words
