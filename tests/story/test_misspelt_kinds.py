"""Kinds and groups that are nearly written as they are called are told, and nobody else's."""

from __future__ import annotations

import pytest

from npol.errors import Mistakes
from npol.story import load_manifests, survey

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec: {podSelector: {}}
"""


def written(api_version, kind):
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a, namespace: shop}}\n"


@pytest.fixture
def told(write):
    def of(api_version, kind):
        write({"a.yaml": POLICY, "b.yaml": written(api_version, kind)})
        return [str(m) for m in survey(".", "a.yaml", "b.yaml").unreadable]

    return of


@pytest.mark.parametrize(
    ("api_version", "kind", "meant"),
    [
        ("networking.k8s.io/v1", "NetworkPolcy", "NetworkPolicy"),
        ("networking.k8s.io/v1", "NetwrokPolicy", "NetworkPolicy"),
        ("projectcalico.org/v3", "GlobalNetworkPolicies", "GlobalNetworkPolicy"),
        ("cilium.io/v2", "CiliumNetworkPolcy", "CiliumNetworkPolicy"),
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolic", "AdminNetworkPolicy"),
        ("apps/v1", "deployment", "Deployment"),
        ("apps/v1", "Deploymnt", "Deployment"),
        ("v1", "Pods", "Pod"),
    ],
)
def test_a_kind_that_its_group_nearly_has_is_told(told, api_version, kind, meant):
    said = f"b.yaml:2:7: {api_version} has no kind {kind} - did you mean {meant}?"

    assert told(api_version, kind) == [said]


@pytest.mark.parametrize(
    ("group", "kind", "meant"),
    [
        ("network.k8s.io", "NetworkPolicy", "networking.k8s.io"),
        ("networking.k8.io", "NetworkPolicy", "networking.k8s.io"),
        ("network.k8s.io", "NetworkPolcy", "networking.k8s.io"),
        ("projectcallico.org", "GlobalNetworkPolicy", "projectcalico.org"),
        ("cillium.io", "CiliumNetworkPolicy", "cilium.io"),
    ],
)
def test_a_group_that_is_nearly_one_of_policies_is_told(told, group, kind, meant):
    (said,) = told(f"{group}/v1", kind)

    assert said == (
        f"b.yaml:1:13: {kind} of {group} is no policy that is known - did you mean {meant}?"
    )


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("networking.gke.io/v1alpha1", "FQDNNetworkPolicy"),
        ("networking.k8s.aws/v1alpha1", "ClusterNetworkPolicy"),
        ("networking.x-k8s.io/v1", "NetworkPolicySet"),
        ("security.antrea.tanzu.vmware.com/v1alpha1", "NetworkPolicy"),
        ("network.openshift.io/v1", "EgressNetworkPolicy"),
        ("projectcalico.org/v3", "StagedNetworkPolicy"),
        ("projectcalico.org/v3", "StagedGlobalNetworkPolicy"),
        ("crd.antrea.io/v1beta1", "Tier"),
        ("cilium.io/v2", "CiliumNode"),
        ("cilium.io/v2", "CiliumLocalRedirectPolicy"),
        ("policy/v1beta1", "PodSecurityPolicy"),
        ("storage.k8s.io/v1", "VolumeAttributesClass"),
        ("admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy"),
        ("certificates.k8s.io/v1alpha1", "ClusterTrustBundle"),
        ("extensions/v1beta1", "Deployment"),
        ("example.org/v1", "Deploymnt"),
        ("example.org/v1", "NetworkPolcy"),
        ("v2", "Pods"),
    ],
)
def test_kinds_of_others_and_kinds_that_are_only_not_listed_are_left_alone(told, api_version, kind):
    assert told(api_version, kind) == []


def test_a_kind_that_nothing_serves_stops_a_story_before_it_runs(mistakes):
    text = "version: 1\nsteps:\n- name: one\n  apply: [all]\n"
    files = {"all/a.yaml": POLICY, "all/b.yaml": POLICY.replace("NetworkPolicy", "NetworkPolcy")}

    assert mistakes(text, files) == [
        "all/b.yaml:2:7: networking.k8s.io/v1 has no kind NetworkPolcy - "
        "did you mean NetworkPolicy?"
    ]


def test_what_a_rule_of_the_lint_mends_is_left_to_it_where_files_are_looked_at(told, write):
    assert told("networking.k8s.io/v1", "NetworkPolicies") == []

    with pytest.raises(Mistakes, match="did you mean NetworkPolicy"):
        load_manifests(".", "b.yaml")
