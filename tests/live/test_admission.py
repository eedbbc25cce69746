"""Rollouts that a real API server's admission takes or refuses, asked by dry run."""

from __future__ import annotations

import secrets

import pytest

from npol.errors import InputError
from npol.kube.objects import NAMESPACES, PODS, Ref
from npol.report.seen_and_why import seen_words, why_words
from npol.run import Options
from tests import shop
from tests.live.conftest import IMAGE, permitted, wait_until

pytestmark = pytest.mark.live

STORY = """
version: 1
defaults: {{settle: {{within: 2s}}}}
steps: [{{name: next, state: [{{admits: deployment/web, namespace: {namespace}}}]}}]
"""
LIMITS = "containers have limits"


@pytest.fixture
def connection(connected, namespace):
    """May write a Deployment, and a policy that holds in the namespace alone."""
    connection = permitted(connected(), namespace)
    container = {"name": "web", "image": IMAGE, "command": ["sleep", "1d"]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    metadata = {"name": "web", "namespace": namespace}
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    ref = connection.ref_of(connection.create(web))
    yield connection
    connection.delete(ref)


@pytest.fixture
def asked(connection, namespace, target, tmp_path, monkeypatch):
    """The check, on the cluster as it is now."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "next.npol.yaml"
    path.write_text(STORY.format(namespace=namespace))
    options = Options(kubeconfig=target.kubeconfig, context=target.context)

    def ask():
        report = shop.told(shop.read(str(path)), options)
        assert report.error == ""
        (result,) = report.steps[0].checks
        return result

    yield ask
    assert connection.list(PODS, namespace) == []


def test_a_rollout_is_admitted_unless_pod_security_forbids(asked, connection, namespace):
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    ref = Ref(NAMESPACES, "", namespace)

    assert asked().passed
    connection.patch(ref, {"metadata": {"labels": enforce}})
    try:
        refused = asked()
    finally:
        connection.patch(ref, {"metadata": {"labels": dict.fromkeys(enforce)}})

    assert (refused.verdict.value, seen_words(refused)) == ("wrong answer", "refused")
    assert 'violates PodSecurity "restricted' in why_words(refused)


@pytest.fixture
def limits(connection, namespace):
    """A policy of the namespace that wants limits, as Kyverno's would."""
    name = f"npol-live-{secrets.token_hex(4)}"
    api = "admissionregistration.k8s.io/v1"
    try:
        kinds = [
            connection.resource(api, f"ValidatingAdmissionPolicy{end}") for end in ("", "Binding")
        ]
    except InputError:
        pytest.skip("this cluster has no ValidatingAdmissionPolicies")
    connection.permit(namespaces=[namespace], kinds=[NAMESPACES, *kinds])
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    wanted = "object.spec.containers.all(c, has(c.resources) && has(c.resources.limits))"
    policy = {
        "matchConstraints": {"resourceRules": [{**pods, "resources": ["pods"]}]},
        "validations": [{"expression": wanted, "message": LIMITS}],
    }
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": here},
    }
    made = [
        connection.ref_of(
            connection.create(
                {"apiVersion": api, "kind": kind.kind, "metadata": {"name": name}, "spec": spec}
            )
        )
        for kind, spec in zip(kinds, (policy, binding), strict=True)
    ]
    yield
    for ref in reversed(made):
        connection.delete(ref)


def test_a_policy_of_admission_refuses_in_its_own_words(asked, limits):
    wait_until(lambda: not asked().passed, "the policy to hold")

    refused = asked()

    assert seen_words(refused) == "refused"
    assert LIMITS in why_words(refused)
