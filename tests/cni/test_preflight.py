"""Preflight against a fake server: each thing that is wrong is found, all of them at once."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from npol.cni.other_policy_kinds import foreign_policies
from npol.cni.preflight import preflight, refusal
from npol.cni.preflight_request import PreflightProblem, PreflightRequest
from npol.errors import Refused
from npol.kube.connection import Mode
from npol.kube.rbac import Extra, manifests, rights
from npol.kube.right_groups import right_groups
from tests.kube.fake_api import reply, status

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "npol-a-0", "namespace": "dev"},
    "spec": {"containers": [{"name": "npol", "image": "netshoot"}]},
}


def namespace(name, uid="u", **more):
    return reply(body={"metadata": {"name": name, "uid": uid, **more.pop("metadata", {})}, **more})


class Cluster:
    """A healthy Calico cluster with namespace dev, in which all is allowed but what is said."""

    def __init__(self, api):
        self.api = api
        self.denied = set()
        self.asked = []
        api.on("GET", "/version", reply(body={"gitVersion": "v1.33.13"}))
        api.on("GET", "/apis", reply(body={"groups": [{"name": "crd.projectcalico.org"}]}))
        api.on("GET", "/api/v1/namespaces/kube-system", namespace("kube-system", "cluster-1"))
        api.on("GET", "/api/v1/namespaces/dev", namespace("dev"))
        api.on("GET", "/api/v1/namespaces/npol-system", namespace("npol-system"))
        api.on("GET", "/api/v1/nodes", reply(body={"items": []}))
        api.on("POST", REVIEWS, self.review)
        api.on("POST", "/api/v1/namespaces/dev/pods", reply(201, POD))
        self.agents(ready=2)

    def agents(self, ready, arguments=()):
        containers = [{"name": "calico-node", "image": "calico/node:v3.30.2"}]
        item = {
            "metadata": {"name": "calico-node", "namespace": "calico-system"},
            "spec": {"template": {"spec": {"containers": containers}}},
            "status": {"desiredNumberScheduled": 2, "numberReady": ready},
        }
        self.api.on("GET", "/apis/apps/v1/daemonsets", reply(body={"items": [item]}))

    async def review(self, request):
        asked = json.loads(await request.text())["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, [asked["resource"], asked.get("subresource")]))
        key = (asked["verb"], resource, asked.get("namespace", ""))
        self.asked.append((*key, asked.get("group", ""), asked.get("name", "")))
        return await reply(201, {"status": {"allowed": key not in self.denied}})(request)


@pytest.fixture
def cluster(api):
    return Cluster(api)


def dev(**settings):
    return PreflightRequest(namespaces=["dev"], changed=["dev"], pods=[POD], **settings)


def test_a_cluster_that_may_be_tested_is_described(cluster, to):
    found = preflight(to(), dev(uid="cluster-1"))

    assert (found.uid, found.version) == ("cluster-1", "v1.33.13")
    assert (found.engine.name, found.engine.version) == ("calico", "v3.30.2")


def test_preflight_changes_nothing(cluster, to, api):
    preflight(to(), dev())

    writes = [s for s in api.seen if s.method != "GET" and s.path not in (REVIEWS, RULES)]
    assert [(s.path, s.query["dryRun"]) for s in writes] == [("/api/v1/namespaces/dev/pods", "All")]


def test_read_only_sends_no_dry_run(cluster, to, api):
    preflight(to(Mode.READ_ONLY), PreflightRequest(namespaces=["dev"], pods=[POD]))

    assert {s.path for s in api.seen if s.method != "GET"} == {REVIEWS, RULES}


@pytest.mark.parametrize("mode", Mode)
def test_every_missing_right_is_named(cluster, to, mode):
    rows = list(rights(mode, ["dev"], extras=list(Extra)))
    cluster.denied = {(right.verb, right.resource, right.namespace) for right in rows}

    with pytest.raises(Refused) as caught:
        preflight(to(mode), dev(extras=list(Extra)))

    lines = [line for line in str(caught.value).splitlines() if "- may not" in line]
    assert lines == [f"  - may not {few}" for few in right_groups(rows)]
    assert f"doctor --rbac {mode.value}" in str(caught.value)


def granting(*rules):
    """What the server tells of a namespace's rules."""
    return reply(201, {"status": {"resourceRules": list(rules), "incomplete": False}})


EVERYTHING = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}


def test_what_the_rules_of_a_namespace_grant_is_not_asked_singly(cluster, to, api):
    api.on("POST", RULES, granting(EVERYTHING))

    preflight(to(), dev())

    assert {namespace for _, _, namespace, *_ in cluster.asked} == {""}
    assert sum(s.path == RULES for s in api.seen) == 3  # dev, kube-system, npol-system


def test_what_the_rules_do_not_mention_is_asked_singly(cluster, to, api):
    """Another authorizer may grant it without telling rules."""
    reading = {"verbs": ["list"], "apiGroups": ["*"], "resources": ["*"]}
    api.on("POST", RULES, granting(reading))
    cluster.denied = {("create", "networkpolicies", "dev")}

    with pytest.raises(Refused, match="1 problem") as caught:
        preflight(to(), dev())

    assert "may not create networkpolicies.networking.k8s.io in namespace dev" in str(caught.value)
    assert ("list", "pods", "dev", "", "") not in cluster.asked


def test_one_missing_right_is_named_alone(cluster, to):
    cluster.denied = {("create", "networkpolicies", "dev")}

    with pytest.raises(Refused, match=r"1 problem:.*") as caught:
        preflight(to(), dev())

    assert "may not create networkpolicies.networking.k8s.io in namespace dev" in str(caught.value)


def test_the_rights_asked_for_are_those_of_the_printed_roles(cluster, to):
    preflight(to(), dev())

    granted = set()
    for obj in manifests(Mode.APPLY, ["dev"]):
        for rule in obj.get("rules", ()):
            granted |= {
                (verb, resource, obj["metadata"].get("namespace", ""), group, name)
                for verb in rule["verbs"]
                for resource in rule["resources"]
                for group in rule["apiGroups"]
                for name in rule.get("resourceNames", [""])
            }
    assert set(cluster.asked) == granted


def test_all_findings_come_at_once(cluster, to, api):
    cluster.denied = {("create", "pods/exec", "dev")}
    cluster.agents(ready=0)
    api.on("GET", "/api/v1/namespaces/dev", namespace("dev", status={"phase": "Terminating"}))
    api.on(
        "POST",
        "/api/v1/namespaces/dev/pods",
        status(403, "Forbidden", 'pods "npol-a-0" is forbidden: violates PodSecurity "restricted"'),
    )
    plan = PreflightRequest(
        namespaces=["dev", "nowhere"], changed=["dev", "kube-system"], pods=[POD], uid="other"
    )

    with pytest.raises(Refused) as caught:
        preflight(to(), plan)

    for words in (
        "Preflight failed for context test (nothing changed), 7 problems:",
        "leads to another cluster than meant: kube-system has uid cluster-1, not other",
        "namespace dev is being deleted",
        "namespace nowhere does not exist",
        "namespace kube-system is protected and never changed",
        "may not create pods/exec in namespace dev",
        'not admitted in dev: pods "npol-a-0" is forbidden: violates PodSecurity "restricted"',
        "no agent of Calico is ready",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({}, "did you mean 'dev'?"),
        ({"given": ["dve"]}, "create it, or run with --create"),
    ],
)
def test_a_namespace_that_is_not_there_is_told_where_it_is_named(cluster, to, given, hint):
    plan = PreflightRequest(namespaces=["dev", "dve"], named_at={"dve": "s.npol.yaml:4:3"}, **given)

    with pytest.raises(Refused) as caught:
        preflight(to(Mode.READ_ONLY), plan)
    told = str(caught.value).splitlines()

    line = next(i for i, text in enumerate(told) if "does not exist" in text)
    assert told[line].endswith("s.npol.yaml:4:3: namespace dve does not exist")
    assert told[line + 1].strip() == f"try: {hint}"


def test_a_debug_pod_without_its_namespace_is_no_problem_of_its_own(cluster, to, api):
    api.on("POST", "/api/v1/namespaces/dve/pods", status(404, "NotFound", "no such namespace"))
    pod = {**POD, "metadata": {"name": "npol-a-0", "namespace": "dve"}}

    with pytest.raises(Refused, match="namespace dve does not exist") as caught:
        preflight(to(), PreflightRequest(namespaces=["dve"], changed=["dve"], pods=[pod]))
    assert "not admitted" not in str(caught.value)


def test_a_namespace_that_nothing_gives_is_not_said_to_be_made_by_create(cluster, to):
    with pytest.raises(Refused) as caught:
        preflight(to(Mode.READ_ONLY), PreflightRequest(namespaces=["dev", "nowhere"]))

    assert "try: create it\n" in f"{caught.value}\n"
    assert "--create" not in str(caught.value)


def test_findings_that_one_remedy_cures_stand_together():
    connection: Any = SimpleNamespace(context="test")
    told = [PreflightProblem(what=f"may not {n}", hint="ask") for n in ("one", "two")]
    other = PreflightProblem(what="no agent", hint="look")

    lines = str(refusal(connection, [told[0], other, told[1]])).splitlines()

    assert lines[0].endswith("3 problems:")
    assert lines[1:] == [
        "  - may not one",
        "  - may not two",
        "    try: ask",
        "  - no agent",
        "    try: look",
    ]


def test_a_webhook_that_knows_no_dry_run_is_asked_when_the_pod_is_made(cluster, to, api):
    words = 'admission webhook "v.test" does not support dry run'
    api.on("POST", "/api/v1/namespaces/dev/pods", status(400, "BadRequest", words))

    preflight(to(), dev())


def test_a_namespace_that_the_run_makes_need_not_exist(cluster, to):
    pod = {**POD, "metadata": {"name": "x", "namespace": "new"}}

    preflight(
        to(), PreflightRequest(namespaces=["new"], changed=["new"], created=["new"], pods=[pod])
    )


def test_a_state_namespace_that_may_not_be_made_is_missed(cluster, to, api):
    api.on("GET", "/api/v1/namespaces/npol-system", status(404, "NotFound", "no"))
    preflight(to(), dev())
    cluster.denied = {("create", "namespaces", "")}

    with pytest.raises(Refused, match="namespace npol-system is missing, and this user may not"):
        preflight(to(), dev())

    preflight(to(Mode.READ_ONLY), dev())


def test_a_terminating_namespace_is_known_by_its_timestamp_too(cluster, to, api):
    stamp = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    api.on("GET", "/api/v1/namespaces/dev", namespace("dev", metadata=stamp))

    with pytest.raises(Refused, match="is being deleted"):
        preflight(to(), dev())


def test_an_engine_that_is_off_is_refused_only_if_denies_are_expected(cluster, to, api):
    off = {
        "metadata": {"name": "kube-flannel-ds", "namespace": "kube-flannel"},
        "spec": {"template": {"spec": {"containers": [{"name": "kube-flannel"}]}}},
        "status": {"desiredNumberScheduled": 1, "numberReady": 1},
    }
    api.on("GET", "/apis/apps/v1/daemonsets", reply(body={"items": [off]}))

    assert preflight(to(), dev()).engine.name == "flannel"
    with pytest.raises(Refused, match="not enforced here: flannel alone does not enforce"):
        preflight(to(), dev(denies=True))


def test_some_agents_down_are_a_note(cluster, to):
    cluster.agents(ready=1)

    assert "calico-system/calico-node: only 1 of 2 agents are ready" in preflight(to(), dev()).notes


@pytest.mark.parametrize(
    ("version", "note"),
    [("v1.24.17", "older than 1.25"), ("weird", "is not understood"), ("v1.36.0", "")],
)
def test_the_version_is_looked_at(cluster, to, api, version, note):
    api.on("GET", "/version", reply(body={"gitVersion": version}))

    notes = " ".join(preflight(to(), dev()).notes)

    assert note in notes


def test_missing_rights_to_detect_the_engine_are_a_note(cluster, to, api):
    api.on("GET", "/apis/apps/v1/daemonsets", status(403, "Forbidden", "cannot list"))

    notes = preflight(to(), dev()).notes

    assert any("not allowed to read: daemonsets in all namespaces" in n for n in notes)


def test_other_policy_kinds_are_named(cluster, to, api):
    base = "/apis/crd.projectcalico.org/v1"
    one = {"metadata": {"name": "gold.block"}}
    mirror = {"metadata": {"name": "knp.default.web", "namespace": "dev"}}
    api.on("GET", f"{base}/globalnetworkpolicies", reply(body={"items": [one]}))
    api.on("GET", f"{base}/namespaces/dev/networkpolicies", reply(body={"items": [mirror]}))

    assert foreign_policies(to(), ["dev"]).found == (
        "GlobalNetworkPolicy gold.block (crd.projectcalico.org)",
    )
    assert any(
        "Other policy kinds may affect results: GlobalNetworkPolicy" in n
        for n in preflight(to(), dev()).notes
    )


def test_other_policy_kinds_that_may_not_be_read_are_said(cluster, to, api):
    path = "/apis/crd.projectcalico.org/v1/globalnetworkpolicies"
    api.on("GET", path, status(403, "Forbidden", "cannot list"))

    unread = foreign_policies(to(), ["dev"]).unread

    assert [*map(str, unread)] == ["globalnetworkpolicies.crd.projectcalico.org"]


def test_ambient_meshes_are_a_note(cluster, to, api):
    labels = {"labels": {"istio.io/dataplane-mode": "ambient"}}
    api.on("GET", "/api/v1/namespaces/dev", namespace("dev", metadata=labels))

    assert any("Istio ambient mesh" in n for n in preflight(to(), dev()).notes)
