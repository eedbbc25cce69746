"""What an examination makes of objects: each topic, as it should be and as it should not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from npol.cni.catalogue import UNKNOWN, Agent, Enforces, Engine
from npol.diagnose import FindingState, admission, components, endpoints, gitops, policies, unread
from npol.diagnose.reader import ExaminedObjects, look
from npol.kube.api_errors import ApiError, Forbidden
from npol.model.inventory import Inventory

OK, PROBLEM, UNVERIFIED = FindingState.OK, FindingState.PROBLEM, FindingState.UNVERIFIED


def engine(*agents):
    return Engine(
        name="calico",
        title="Calico",
        version="v3.30.2",
        enforces=Enforces.YES,
        agents=agents,
        quiet=1.0,
        denial=UNKNOWN.denial,
        dialect="calico",
        label_patience=30.0,
    )


def named(name, namespace="", **fields):
    place = {"namespace": namespace} if namespace else {}
    return {"metadata": {"name": name, **place, **fields.pop("metadata", {})}, **fields}


def custom(kind, name="x", namespace="", **fields):
    return {"kind": kind, **named(name, namespace, **fields)}


def pod(name, namespace="shop", labels=None, ready=True, reason=""):
    waiting = [{"state": {"waiting": {"reason": reason}}}] if reason else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {"containers": [{"name": "main"}]},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.7",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": waiting,
        },
    }


def namespace(name, labels=None):
    metadata = {"labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Namespace", **named(name, metadata=metadata)}


SHOP = namespace("shop", {"name": "shop"})


def policy(name="deny", spec=None, **metadata):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop", **metadata},
        "spec": spec or {"podSelector": {}, "policyTypes": ["Ingress"]},
    }


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    **named("web", "shop", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]}),
}


def endpoint_slice(service="web", namespace="shop", ready=True, ports=({"port": 8080},)):
    labels = {"kubernetes.io/service-name": service}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        **named(f"{service}-1", namespace, metadata={"labels": labels}),
        "endpoints": [{"addresses": ["10.0.0.7"], "conditions": {"ready": ready}}],
        "ports": list(ports),
    }


def seen(*, agents=(), objects=(), unread=(), **inventory):
    known = {"namespaces": (namespace("kube-system"), SHOP)}
    return ExaminedObjects(
        engine=engine(*agents),
        examined=("shop",),
        inventory=Inventory(**{**known, **{k: tuple(v) for k, v in inventory.items()}}),
        custom=tuple(objects),
        unread=tuple(unread),
    )


def told(findings):
    return [(f.state, f.what) for f in findings]


def only(findings):
    (found,) = findings
    return found


# -- components


@pytest.mark.parametrize(("ready", "state"), [(2, OK), (1, PROBLEM), (0, PROBLEM)])
def test_an_agent_that_is_not_ready_everywhere_is_a_problem(ready, state):
    agent = Agent(name="calico-system/calico-node", desired=2, ready=ready)
    found = only(components.findings(seen(agents=[agent])))
    assert found.state is state
    assert found.what == f"DaemonSet calico-system/calico-node: {ready} of 2 ready"


def agent_pod(node, *, ready=True):
    found = pod(f"calico-node-{node}", "calico-system", ready=ready)
    owner = {"kind": "DaemonSet", "name": "calico-node"}
    found["metadata"]["ownerReferences"] = [owner]
    found["spec"]["nodeName"] = node
    return found


def test_nodes_without_an_agent_are_named_whatever_the_daemon_set_wants():
    agent = Agent(name="calico-system/calico-node", desired=1, ready=1)
    windows = {"labels": {"kubernetes.io/os": "windows"}}
    nodes = [named("one"), named("two"), named("three"), named("win", metadata=windows)]
    pods = [agent_pod("one"), agent_pod("two", ready=False)]

    found = next(iter(components.findings(seen(agents=[agent], nodes=nodes, pods=pods))))

    assert found.state is PROBLEM
    assert found.what == (
        "DaemonSet calico-system/calico-node: 1 of 1 ready; no ready agent on node three, two"
    )


def test_pods_of_components_that_are_not_ready_are_named_with_the_reason():
    pods = [
        pod("calico-typha", "calico-system"),
        pod("calico-node", "calico-system", ready=False, reason="CrashLoopBackOff"),
        pod("web", "shop", ready=False),
    ]
    found = only(components.findings(seen(namespaces=[namespace("calico-system")], pods=pods)))
    assert found.state is PROBLEM
    assert found.what == ("calico-system: 1 of 2 pods Ready; not: calico-node (CrashLoopBackOff)")
    assert found.hint == "kubectl -n calico-system describe pod calico-node"


def test_an_operator_without_pods_is_a_problem():
    found = only(components.findings(seen(namespaces=[namespace("tigera-operator")])))
    assert (found.state, found.what) == (PROBLEM, "no pod in tigera-operator")


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        pytest.param([("Available", "True")], OK, id="available"),
        pytest.param([("Available", "True"), ("Degraded", "True")], PROBLEM, id="degraded"),
        pytest.param([], PROBLEM, id="no-word"),
    ],
)
def test_the_operator_is_believed_about_calico(conditions, state):
    listed = [{"type": kind, "status": status} for kind, status in conditions]
    status = custom("TigeraStatus", "calico", status={"conditions": listed})
    assert only(components.findings(seen(objects=[status]))).state is state


# -- policies and labels


def test_namespaces_are_told_with_their_policies_and_default_deny():
    found = told(policies.findings(seen(policies=[policy(), policy("allow", {"podSelector": {}})])))
    assert found == [(OK, "shop: allow, deny; default deny for ingress")]


def test_namespaces_without_policies_are_open():
    assert told(policies.findings(seen())) == [(OK, "none, so all is open, in shop")]


def test_a_namespace_that_is_not_there_is_a_problem():
    found = policies.findings(seen(namespaces=[namespace("other")]))
    assert told(found) == [(PROBLEM, "namespace shop does not exist")]


def test_a_namespace_that_a_story_makes_need_not_be_there():
    there = replace(seen(namespaces=[namespace("other")]), given=frozenset({"shop"}))
    found = policies.findings(there)
    text = "namespace shop does not exist; the story has it under `given`"
    assert told(found) == [(OK, text)]


def test_a_label_that_nothing_carries_is_told_with_the_selector_that_needs_it():
    rule = {"from": [{"namespaceSelector": {"matchLabels": {"name": "frontend-dev"}}}]}
    needy = policy(
        "from-frontend", {"podSelector": {"matchLabels": {"app": "x"}}, "ingress": [rule]}
    )
    found = list(policies.labels(seen(policies=[needy], pods=[pod("web", labels={"app": "web"})])))
    assert [f.state for f in found] == [PROBLEM, PROBLEM]
    text = "\n".join(f.what for f in found)
    assert "shop/from-frontend spec.podSelector: podSelector app=x selects no pod in shop" in text
    assert "no namespace that is known here has name=frontend-dev" in text


def test_selectors_that_find_what_they_look_for_are_in_order():
    found = policies.labels(seen(policies=[policy()], pods=[pod("web")]))
    assert told(found) == [(OK, "the selectors of 1 policy find what they look for")]


NIGHTLY = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    **named(
        "backup",
        "shop",
        spec={"jobTemplate": {"spec": {"template": {"metadata": {"labels": {"app": "backup"}}}}}},
    ),
}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {
        "name": "backup-1",
        "namespace": "shop",
        "ownerReferences": [{"kind": "CronJob", "name": "backup", "controller": True}],
    },
}
ENDED = {
    **pod("backup-1-x", labels={"app": "backup"}),
    "metadata": {
        "name": "backup-1-x",
        "namespace": "shop",
        "labels": {"app": "backup"},
        "ownerReferences": [{"kind": "Job", "name": "backup-1", "controller": True}],
    },
    "status": {"phase": "Succeeded"},
}


@pytest.mark.parametrize("ended", [[], [ENDED]], ids=["never ran", "has ended"])
def test_pods_that_a_cronjob_will_make_are_selected_between_its_runs(ended):
    mine = policy("backup", {"podSelector": {"matchLabels": {"app": "backup"}}})
    pods = [pod("web", labels={"app": "web"}), *ended]
    found = seen(policies=[mine], pods=pods)
    assert [f.state for f in policies.labels(found)] == [PROBLEM]

    with_templates = replace(found, templates=(NIGHTLY, JOB))
    assert [f.state for f in policies.labels(with_templates)] == [OK]


# -- endpoints and DNS


def test_a_service_with_ready_endpoints_is_in_order():
    found = endpoints.services(seen(services=[SERVICE], slices=[endpoint_slice()]))
    assert told(found) == [(OK, "1 Service with ready endpoints")]


@pytest.mark.parametrize(
    ("slices", "pods", "hint"),
    [
        pytest.param([], [], "no running pod there has app=web", id="nothing-selected"),
        pytest.param(
            [endpoint_slice(ready=False)],
            [pod("web-0", labels={"app": "web"}, ready=False)],
            "describe pod web-0",
            id="not-ready",
        ),
        pytest.param(
            [endpoint_slice(ports=())],
            [pod("web-0", labels={"app": "web"})],
            "is its port a containerPort?",
            id="no-such-port",
        ),
    ],
)
def test_a_service_without_endpoints_is_told_with_what_is_missing(slices, pods, hint):
    found = only(endpoints.services(seen(services=[SERVICE], slices=slices, pods=pods)))
    assert (found.state, found.what) == (PROBLEM, "Service shop/web has no ready endpoint")
    assert hint in found.hint


@pytest.mark.parametrize(("ready", "state"), [(True, OK), (False, PROBLEM)])
def test_dns_needs_a_ready_endpoint(ready, state):
    service = named("kube-dns", "kube-system", spec={"selector": {}, "ports": [{"port": 53}]})
    there = endpoint_slice("kube-dns", "kube-system", ready)
    assert only(endpoints.dns(seen(services=[service], slices=[there]))).state is state


def test_dns_by_another_name_is_not_verifiable():
    assert only(endpoints.dns(seen())).state is UNVERIFIED


# -- admission and GitOps


def cluster_policy(*rules, ready="True", **spec):
    conditions = [{"type": "Ready", "status": ready}]
    return custom(
        "ClusterPolicy",
        "require-limits",
        spec={"rules": list(rules), **spec},
        status={"conditions": conditions},
    )


@pytest.mark.parametrize(
    ("found", "state", "text"),
    [
        pytest.param(
            cluster_policy({"validate": {}}, validationFailureAction="Enforce"),
            OK,
            "validate, validationFailureAction Enforce",
            id="enforce",
        ),
        pytest.param(
            cluster_policy({"validate": {}}),
            OK,
            "validate, validationFailureAction Audit",
            id="audit-by-default",
        ),
        pytest.param(
            cluster_policy({"validate": {"failureAction": "Enforce"}}, {"validate": {}}),
            OK,
            "validationFailureAction Audit/Enforce",
            id="by-rule",
        ),
        pytest.param(
            cluster_policy({"validate": {}}, ready="False"), PROBLEM, "not Ready", id="not-ready"
        ),
        pytest.param(
            cluster_policy({"generate": {"kind": "NetworkPolicy"}}),
            PROBLEM,
            "generate, of NetworkPolicies",
            id="generates-policies",
        ),
        pytest.param(
            cluster_policy({"generate": {"kind": "ConfigMap"}}), OK, "generate", id="generates"
        ),
        pytest.param(
            cluster_policy(
                {"mutate": {}, "match": {"any": [{"resources": {"kinds": ["NetworkPolicy"]}}]}}
            ),
            PROBLEM,
            "mutate, of NetworkPolicies",
            id="mutates-policies",
        ),
        pytest.param(
            custom("ValidatingPolicy", spec={"validationActions": ["Deny"]}),
            OK,
            "validationActions Deny",
            id="new-kind",
        ),
        pytest.param(
            custom("GeneratingPolicy", spec={"generate": "networkpolicies"}),
            PROBLEM,
            "speaks of NetworkPolicies",
            id="new-kind-generates",
        ),
        pytest.param(
            custom(
                "MutatingWebhookConfiguration",
                webhooks=[{"rules": [{"apiGroups": ["*"], "resources": ["*/*"]}]}],
            ),
            PROBLEM,
            "may change NetworkPolicies",
            id="webhook-of-everything",
        ),
        pytest.param(
            custom(
                "MutatingWebhookConfiguration",
                webhooks=[{"rules": [{"apiGroups": [""], "resources": ["pods"]}]}],
            ),
            OK,
            "may change pods",
            id="webhook-of-pods",
        ),
    ],
)  # fmt: skip
def test_admission_is_told_by_what_it_does(found, state, text):
    finding = only(admission.findings(seen(objects=[found])))
    assert finding.state is state
    assert text in finding.what


def test_no_admission_is_in_order_unless_it_may_not_be_read():
    assert only(admission.findings(seen())).state is OK
    assert told(admission.findings(seen(unread=["clusterpolicies.kyverno.io"]))) == []


@pytest.mark.parametrize(
    ("sync", "health", "state"),
    [("Synced", "Healthy", OK), ("OutOfSync", "Healthy", PROBLEM), ("Synced", "Degraded", PROBLEM)],
)
def test_applications_are_to_be_synced_and_healthy(sync, health, state):
    app = custom(
        "Application",
        "backend",
        "argocd",
        spec={
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": {"automated": {"selfHeal": True}},
        },
        status={"sync": {"status": sync}, "health": {"status": health}},
    )
    found = only(gitops.findings(seen(objects=[app])))
    assert found.state is state
    assert found.what == (f"Application argocd/backend to shop: {sync}, {health}, heals itself")


def test_the_controller_that_would_revert_a_policy_is_named_with_a_fix():
    owned = policy(labels={"argocd.argoproj.io/instance": "apps"})
    found = only(gitops.findings(seen(policies=[owned, policy("free")])))
    assert "Argo CD (label argocd.argoproj.io/instance=apps) keeps deny of shop" in found.what
    assert "--allow-gitops" in found.hint


@pytest.mark.parametrize(
    ("fields", "state", "text"),
    [
        pytest.param({"spec": {"suspend": True}}, OK, "suspended", id="suspended"),
        pytest.param(
            {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, OK, "Ready", id="ok"
        ),
        pytest.param(
            {"status": {"conditions": [{"type": "Ready", "status": "False", "message": "no"}]}},
            PROBLEM,
            "no",
            id="failed",
        ),
    ],
)
def test_flux_is_told_by_its_condition(fields, state, text):
    found = only(gitops.findings(seen(objects=[custom("Kustomization", "a", "flux", **fields)])))
    assert found.state is state
    assert found.what == f"Kustomization flux/a: {text}"


# -- what may not be read


class Api:
    """Lists namespaces; all else is forbidden, or not served."""

    def list(self, resource, namespace=""):
        if resource.plural == "namespaces":
            return [SHOP]
        raise Forbidden("no", status=403)

    def list_in(self, resource, namespaces):
        return [o for name in namespaces for o in self.list(resource, name)]

    def raw(self, method, path, **_):
        if "argoproj" in path:
            raise Forbidden("no discovery", status=403)
        raise ApiError("no", status=404)


def test_unreadable_objects_are_unverified_and_no_problem():
    api: Any = Api()
    found = look(api, engine(), ["shop"])
    topics = (policies.findings, policies.labels, endpoints.services, endpoints.dns)
    assert [f.state for t in topics for f in t(found)] == [UNVERIFIED]
    assert "may not list pods in namespace shop" in [f.what for f in unread(found)]
    assert "may not list application.argoproj.io" in [f.what for f in unread(found)]
    assert {f.state for f in unread(found)} == {UNVERIFIED}
