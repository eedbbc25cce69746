"""`npol doctor` on a lab: what is in order, what is not, and what to try."""

from __future__ import annotations

import pytest
import yaml

from tests.e2e.shop import DENY, open_shop

pytestmark = pytest.mark.lab
POLICIES = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
KYVERNO, ARGO = "/apis/kyverno.io/v1", "/apis/argoproj.io/v1alpha1"


@pytest.fixture(scope="module", autouse=True)
def shop(server):
    open_shop(server)


@pytest.fixture
def doctor(npol_here, lab):
    """Examine the lab without a canary: the exit code, and the lines of each topic."""

    def ask(*options):
        there = ("--kubeconfig", lab.kubeconfig, "--context", lab.context, "--no-canary")
        done = npol_here("doctor", *there, *options)
        topics: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            if line[:15].strip():
                topics.setdefault(line[15:27].strip(), []).append(
                    f"{line[:14].strip()}: {line[28:]}"
                )
            else:
                topics[list(topics)[-1]].append(line.strip())
        return done.returncode, topics

    return ask


def definition(kind, plural, group, version, scope):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{**served, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def test_a_healthy_cluster_is_told_topic_by_topic(doctor, server):
    code, topics = doctor("-n", "shop")
    assert code == 0, topics
    assert topics["engine"][0].startswith("ok: npol's lab, version ")
    assert topics["components"] == ["ok: kube-system: 3 of 3 pods Ready"]
    assert topics["policies"] == ["ok: none, so all is open, in shop"]
    assert topics["endpoints"] == ["ok: 1 Service with ready endpoints"]
    assert topics["DNS"][0].startswith("ok: Service kube-system/kube-dns: ")
    assert {"RBAC", "admission", "GitOps", "other kinds"} <= topics.keys()


def test_doctor_reports_problems_with_fixes(doctor, server):
    wrong = yaml.safe_load(DENY)
    wrong["spec"]["podSelector"] = {"matchLabels": {"app": "wbe"}}
    dead = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "dead"},
        "spec": {"selector": {"app": "gone"}, "ports": [{"port": 80}]},
    }
    server.ask("POST", POLICIES, wrong)
    server.ask("POST", "/api/v1/namespaces/shop/services", dead)
    try:
        code, topics = doctor("-n", "shop")
    finally:
        server.ask("DELETE", f"{POLICIES}/deny-all")
        server.ask("DELETE", "/api/v1/namespaces/shop/services/dead")

    assert code == 1
    assert topics["policies"] == ["ok: shop: deny-all; no default deny"]
    assert "podSelector app=wbe selects no pod in shop (NP010)" in topics["labels"][0]
    assert topics["labels"][1] == "try: pods there have app=web"
    assert topics["endpoints"] == [
        "PROBLEM: Service shop/dead has no ready endpoint",
        "try: no running pod there has app=gone",
    ]


def test_kyverno_and_argo_are_told_as_their_objects_say(doctor, server):
    definitions = (
        definition("ClusterPolicy", "clusterpolicies", "kyverno.io", "v1", "Cluster"),
        definition("Application", "applications", "argoproj.io", "v1alpha1", "Namespaced"),
    )
    for body in definitions:
        server.ask("POST", DEFINITIONS, body)
    rules = [{"name": "a", "validate": {"message": "limits"}}]
    kyverno = {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": "require-resource-limits"},
        "spec": {"validationFailureAction": "Enforce", "rules": rules},
    }
    argo = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "backend-sample"},
        "spec": {"destination": {"name": "in-cluster", "namespace": "shop"}},
        "status": {"sync": {"status": "OutOfSync"}, "health": {"status": "Healthy"}},
    }
    server.ask("POST", f"{KYVERNO}/clusterpolicies", kyverno)
    server.ask("POST", f"{ARGO}/namespaces/shop/applications", argo)
    try:
        code, topics = doctor("-n", "shop")
    finally:
        for body in definitions:
            server.ask("DELETE", f"{DEFINITIONS}/{body['metadata']['name']}")

    assert code == 1
    assert topics["admission"] == [
        "ok: Kyverno ClusterPolicy require-resource-limits: "
        "validate, validationFailureAction Enforce"
    ]
    assert topics["GitOps"][0] == (
        "PROBLEM: Application shop/backend-sample to shop: OutOfSync, Healthy"
    )


def test_all_namespaces_but_the_systems_are_examined_unless_some_are_named(doctor):
    _, topics = doctor()
    (line,) = topics["policies"]
    assert "shop" in line
    assert "kube-system" not in line


def test_a_namespace_that_is_not_there_is_told(doctor):
    code, topics = doctor("-n", "shpo")
    assert code == 1
    assert "PROBLEM: namespace shpo does not exist" in topics["policies"]
