"""What manifests of real repositories hold: parts of workloads, bundles, undeclared ports."""

from __future__ import annotations

import pytest

from tests.policy.test_lint_unseen import POD, POLICY, found

FRAGMENT = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {annotations: {a: b}}}}
"""


def test_a_part_of_a_workload_that_a_patch_holds_makes_no_pod():
    policy = POLICY % "{podSelector: {matchLabels: {app: web}}}"

    assert found(policy + FRAGMENT, "NP010") == []


def test_pods_of_a_job_have_its_controllers_labels():
    job = """\
apiVersion: batch/v1
kind: KIND
metadata: {name: backup, namespace: shop}
spec: SPEC
---
"""
    template = "{template: {spec: {containers: [{name: c, image: i}]}}}"
    policy = POLICY % "{podSelector: {matchExpressions: [{key: job-name, operator: Exists}]}}"
    once = job.replace("KIND", "Job").replace("SPEC", template)
    often = job.replace("KIND", "CronJob").replace("SPEC", f"{{jobTemplate: {{spec: {template}}}}}")

    for text in (once, often):
        assert found(POD + text + policy, "NP010") == []


@pytest.mark.parametrize(
    "named",
    [
        pytest.param(
            ("image: web", "image: web, readinessProbe: {tcpSocket: {port: 9}}"), id="probe"
        ),
        pytest.param(
            ("labels: {app: web}", "labels: {app: web}, annotations: {prometheus.io/port: '9'}"),
            id="annotation",
        ),
        pytest.param(
            (
                "---\n",
                "---\napiVersion: v1\nkind: Service\nmetadata: {name: w, namespace: shop}\n"
                "spec: {selector: {app: web}, ports: [{port: 80, targetPort: 9}]}\n---\n",
            ),
            id="service",
        ),
        pytest.param(("", ""), id="nothing"),
    ],
)
def test_a_port_that_pods_name_without_declaring_it_is_one_of_theirs(named):
    pod = POD.replace("image: web", "image: web, ports: [{containerPort: 80}]")
    policy = POLICY % "{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 9}]}]}"

    before, after = named
    told = found(pod.replace(before, after, 1) + policy, "NP020")
    assert bool(told) is (named == ("", ""))


BUNDLE = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", ["and so do 1 more policies"], id="policies-alone"),
        pytest.param(BUNDLE, [], id="a-bundle-that-names-none"),
        pytest.param(
            BUNDLE.replace("web}\nspec", "web, namespace: shop}\nspec"),
            ["and so do 1 more policies"],
            id="others-name-one",
        ),
    ],
)
def test_policies_without_a_namespace_are_told_once_a_file(text, told):
    policy = (POLICY % "{podSelector: {}, policyTypes: [Ingress]}").replace(", namespace: shop", "")
    both = policy + "---\n" + policy.replace("name: p", "name: q")
    messages = [f.message for f in found(text + both, "NP005")]

    assert [bool(t in m) for t, m in zip(told, messages, strict=True)] == [True] * len(told)


def test_every_pod_beside_every_address_is_the_same_on_all_plugins():
    peers = "[{from: [%s{ipBlock: {cidr: 0.0.0.0/0}}]}]"
    rule = f"{{podSelector: {{}}, policyTypes: [Ingress], ingress: {peers}}}"

    assert found(POLICY % (rule % ""), "NP043")
    assert not found(POLICY % (rule % "{namespaceSelector: {}}, "), "NP043")


def test_a_wide_block_of_sources_is_not_about_a_service():
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: w, namespace: shop}\n"
        "spec: {clusterIP: 10.96.0.9, ports: [{port: 80}]}\n---\n"
    )
    rule = "{podSelector: {}, policyTypes: [%s], %s: [{%s: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"

    assert found(service + POLICY % (rule % ("Egress", "egress", "to")), "NP044")
    assert not found(service + POLICY % (rule % ("Ingress", "ingress", "from")), "NP044")
