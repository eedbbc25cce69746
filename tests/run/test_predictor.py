"""Predictions of a run, from what the cluster holds."""

import pytest

from npol.model.inventory import Inventory
from npol.model.prediction import PredictedDecision
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
POD = {
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
