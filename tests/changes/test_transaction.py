import json
import os

import pytest

from npol.changes.apply.change_session import ChangedByOthers
from npol.changes.state.compare import digest
from npol.changes.state.snapshot import key_of
from npol.errors import InputError, LockHeld, Refused, RestoreIncomplete
from npol.kube.api_errors import ApiError
from npol.kube.objects import DEPLOYMENTS, PODS, SERVICES, Ref, resource_for
from tests.changes.cluster import STATE, kept, pod, policy

POLICIES = "networkpolicies.networking.k8s.io"
OPEN = {"ingress": [{}]}


@pytest.fixture
def existing(cluster):
    """A policy from before the run, with labels, annotations and another's managed fields."""
    body = policy("existing", ingress=[{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}])
    body["metadata"] |= {"labels": {"team": "shop"}, "annotations": {"note": "by hand"}}
    return cluster.edit("create", POLICIES, body, manager="kubectl-client-side-apply")


def owners(obj):
    return [(entry["manager"], entry["fieldsV1"]) for entry in obj["metadata"]["managedFields"]]


def test_a_run_leaves_nothing(cluster, begin):
    before = cluster.state()
    transaction = begin("shop", "bank")

    assert transaction.apply(policy()) == "created"
    assert transaction.apply(policy()) == "unchanged"
    assert list(cluster.policies()) == ["shop/deny-all"]
    assert transaction.changed_by_others() == []
    result = transaction.restore()
    transaction.close()

    assert result.complete, result.problems
    assert result.actions == ("deleted NetworkPolicy shop/deny-all",)
    assert cluster.state() == before


def test_an_existing_policy_is_replaced_only_on_request(cluster, begin, existing):
    transaction = begin()

    with pytest.raises(Refused, match="exists already"):
        transaction.apply(policy("existing", **OPEN))

    assert kept(cluster.get(POLICIES, "shop", "existing")) == kept(existing)


def test_a_replaced_policy_holds_what_the_manifest_says_and_nothing_else(cluster, begin, existing):
    transaction = begin()

    assert transaction.apply(policy("existing", policyTypes=["Egress"]), replace=True) == "replaced"

    live = cluster.get(POLICIES, "shop", "existing")
    assert live["spec"] == {"podSelector": {}, "policyTypes": ["Egress"]}
    assert live["metadata"]["labels"] == {"team": "shop"}


def test_a_replaced_policy_comes_back_whole(cluster, begin, existing):
    transaction = begin(replace=True)
    transaction.apply(policy("existing", **OPEN))
    transaction.apply(policy("existing", policyTypes=["Egress"]))

    assert transaction.restore().complete

    live = cluster.get(POLICIES, "shop", "existing")
    assert kept(live) == kept(existing)
    assert live["metadata"]["uid"] == existing["metadata"]["uid"]
    assert owners(live) == owners(existing)


def test_a_deleted_policy_comes_back_whole(cluster, begin, existing):
    transaction = begin()

    assert transaction.delete(policy("existing")) == "deleted"
    assert transaction.delete(policy("existing")) == "absent"
    assert cluster.policies() == {}
    assert transaction.restore().complete

    live = cluster.get(POLICIES, "shop", "existing")
    assert kept(live) == kept(existing)
    assert owners(live) == owners(existing)


def test_a_policy_equal_to_its_manifest_is_not_written(cluster, begin, existing):
    transaction = begin()
    cluster.asked.clear()

    assert transaction.apply(
        existing | {"metadata": {"name": "existing", "namespace": "shop"}}
    ) == ("unchanged")
    assert not [a for a in cluster.asked if a.writes and a.resource == POLICIES]


def test_restore_to_a_step_brings_back_its_policies_and_labels(cluster, begin, existing):
    cluster.edit("create", "pods", pod())
    transaction = begin(replace=True)
    transaction.apply(policy("one"))
    transaction.apply(policy("existing", **OPEN))
    transaction.label("pod", "shop", "web", {"app": "other"})
    transaction.mark("first")
    then = cluster.state()
    transaction.delete(policy("one"))
    transaction.delete(policy("existing"))
    transaction.apply(policy("two"))
    transaction.label("pod", "shop", "web", {"app": None, "tier": "front"})

    done = transaction.restore_to("first")

    assert cluster.state() == then | {"journals": cluster.state()["journals"]}
    assert len(done) == 4
    assert transaction.changed_by_others() == []
    assert transaction.restore().complete
    assert cluster.policies() == {"shop/existing": kept(existing)}


def test_restore_to_a_step_that_was_not_run_is_an_input_error(begin):
    with pytest.raises(InputError, match="not run"):
        begin().restore_to("nowhere")


def test_labels_of_pods_and_namespaces_come_back(cluster, begin):
    cluster.edit("create", "pods", pod(app="web", tier="back"))
    before = cluster.state()
    transaction = begin()

    transaction.label("pod", "shop", "web", {"app": "other", "tier": None, "new": "yes"})
    transaction.label("namespace", "", "shop", {"team": "shop"})

    assert cluster.state()["pods"]["shop/web"] == {"app": "other", "new": "yes"}
    assert cluster.state()["namespaces"]["shop"]["team"] == "shop"
    assert transaction.changed_by_others() == []
    assert transaction.restore().complete
    transaction.close()
    assert cluster.state() == before


def test_a_label_of_a_pod_that_is_gone_needs_no_restore(cluster, begin):
    cluster.edit("create", "pods", pod())
    transaction = begin()
    transaction.label("pod", "shop", "web", {"app": "other"})
    cluster.remove("pods", "shop", "web")
    cluster.edit("create", "pods", pod(app="successor"))

    assert transaction.restore().complete
    assert cluster.state()["pods"]["shop/web"] == {"app": "successor"}


def widget(name, namespace):
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata}


def namespace(name, **labels):
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
    }


@pytest.fixture
def with_given(begin):
    transaction = begin("fresh", create_namespaces=True, kinds=(PODS, SERVICES, DEPLOYMENTS))
    transaction.create(namespace("fresh", team="fresh"))
    transaction.create(pod("web", "fresh"))
    return transaction


def test_objects_of_given_go_with_the_namespace_that_was_made(cluster, with_given):
    assert cluster.get("namespaces", None, "fresh")["metadata"]["labels"]["team"] == "fresh"
    with_given.apply(policy(namespace="fresh"))

    assert with_given.restore(deadline=10).complete

    with_given.close()
    assert cluster.get("namespaces", None, "fresh") is None


def deleted(cluster):
    return [(a.resource, a.name) for a in cluster.asked if a.verb == "delete"]


def test_what_a_namespace_holds_is_deleted_with_it_by_one_request(cluster, with_given):
    with_given.apply(policy(namespace="fresh"))
    cluster.asked.clear()

    assert with_given.restore(deadline=10).complete

    assert [what for what in deleted(cluster) if "leases" not in what[0]] == [
        ("namespaces", "fresh")
    ]


def test_what_the_run_made_goes_where_its_namespace_has_to_stay(cluster, with_given):
    match = {"verb": "delete", "resource": "namespaces"}
    cluster.faults({"match": match, "action": {"status": 403}})
    done = with_given.restore(deadline=10)
    cluster.faults()

    assert not done.complete
    assert ("pods", "web") in deleted(cluster)
    assert cluster.get("namespaces", None, "fresh")
    assert with_given.restore(deadline=10).complete


def test_policies_come_back_before_given_goes(cluster, with_given):
    """So that debug pods and given workloads are there when the flows are asked again."""
    with_given.create(policy("given", "fresh"))
    with_given.mark("before")
    given = cluster.policies()
    with_given.apply(policy(namespace="fresh"))
    with_given.apply(policy("given", "fresh", **OPEN))

    first = with_given.restore(to="before")
    assert first.complete, first.problems
    assert cluster.policies() == given
    assert cluster.get("pods", "fresh", "web")

    assert with_given.restore(deadline=10).complete
    assert cluster.get("namespaces", None, "fresh") is None


@pytest.fixture
def widgets(cluster):
    """A kind that somebody has defined."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [version],
        },
    }
    cluster.edit("create", "customresourcedefinitions.apiextensions.k8s.io", definition)
    yield "widgets.example.com"
    cluster.remove("customresourcedefinitions.apiextensions.k8s.io", None, "widgets.example.com")


@pytest.mark.parametrize("resource", ["pods", "widgets.example.com"])
def test_a_namespace_that_was_made_stays_while_something_foreign_is_inside(
    cluster, with_given, widgets, resource
):
    stranger = pod("stranger", "fresh") if resource == "pods" else widget("stranger", "fresh")
    cluster.edit("create", resource, stranger)

    result = with_given.restore(deadline=5)

    assert not result.complete
    assert f"{stranger['kind']} stranger" in result.problems[0]
    assert cluster.get(resource, "fresh", "stranger")
    cluster.remove(resource, "fresh", "stranger")
    assert with_given.restore(deadline=10).complete


def test_a_namespace_that_cannot_be_listed_is_not_deleted(cluster, with_given, widgets):
    cluster.faults({"match": {"verb": "list", "resource": widgets}, "action": {"status": 403}})

    result = with_given.restore(deadline=5)

    assert not result.complete
    assert cluster.get("namespaces", None, "fresh")
    cluster.faults()
    assert with_given.restore(deadline=10).complete


@pytest.mark.parametrize(
    ("resource", "kind", "word"),
    [("configmaps", "ConfigMap", "planted"), ("secrets", "Secret", "YmVmb3Jl")],
)
def test_a_given_object_is_journalled_by_a_digest_and_goes(cluster, begin, resource, kind, word):
    made = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "c", "namespace": "shop"}}
    transaction = begin(kinds=(resource_for("v1", kind),))
    transaction.create({**made, "data": {"word": word}})
    transaction.create({**made, "metadata": {"name": "next", "namespace": "shop"}})

    journals = cluster.list("configmaps", "npol-system")
    assert digest(cluster.get(resource, "shop", "c")) in json.dumps(journals)
    assert word not in json.dumps(journals)

    result = transaction.restore()
    assert result.complete
    assert result.actions == (f"deleted {kind} shop/next", f"deleted {kind} shop/c")
    assert cluster.get(resource, "shop", "c") is None


def test_a_given_object_that_others_have_changed_goes_and_is_named(cluster, begin):
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}}
    transaction = begin(kinds=(resource_for("v1", "ConfigMap"),))
    transaction.create({**made, "data": {"word": "before"}})
    cluster.change("configmaps", "shop", "c", lambda live: live["data"].update(word="after"))

    result = transaction.restore()

    assert result.problems == ()
    assert result.actions == ("deleted ConfigMap shop/c, which others had changed since",)


def test_an_existing_object_is_used_and_survives_the_restore(cluster, begin):
    cluster.edit("create", "pods", pod())
    transaction = begin(kinds=(PODS,))

    found = transaction.create(pod(app="wanted"))

    assert found["metadata"]["labels"] == {"app": "web"}
    assert transaction.restore().complete
    assert cluster.get("pods", "shop", "web")


def test_a_given_object_may_be_changed_by_a_step(cluster, with_given):
    changed = pod("web", "fresh", app="other")

    assert with_given.apply(changed) == "replaced"
    assert cluster.state()["pods"]["fresh/web"] == {"app": "other"}
    assert with_given.restore(deadline=10).complete


def test_a_foreign_object_that_is_no_policy_is_never_changed(cluster, begin):
    cluster.edit("create", "pods", pod())
    transaction = begin(kinds=(PODS,))

    with pytest.raises(Refused, match="before this run"):
        transaction.apply(pod(app="other"))
    with pytest.raises(Refused, match="before this run"):
        transaction.delete(Ref(PODS, "shop", "web"))


@pytest.mark.parametrize("name", ["kube-system", "calico-system", "tigera-operator", "cilium-x"])
def test_a_protected_namespace_is_refused(cluster, begin, name):
    with pytest.raises(Refused, match="protected"):
        begin(name)
    assert not [a for a in cluster.asked if a.writes]


def test_a_missing_namespace_is_refused(cluster, begin):
    with pytest.raises(Refused, match="there is no namespace nowhere"):
        begin("nowhere")
    assert not [a for a in cluster.asked if a.writes]


def test_a_namespace_that_is_being_deleted_is_refused(cluster, begin):
    body = {"metadata": {"name": "going", "finalizers": ["test/stay"]}}
    cluster.edit("create", "namespaces", body)
    cluster.remove("namespaces", None, "going")

    with pytest.raises(Refused, match="being deleted"):
        begin("going")

    cluster.change("namespaces", None, "going", lambda ns: ns["metadata"].pop("finalizers"))


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        pytest.param({"labels": {"argocd.argoproj.io/instance": "apps"}}, "Argo CD", id="argo"),
        pytest.param(
            {"annotations": {"argocd.argoproj.io/tracking-id": "apps:x"}}, "Argo CD", id="argo-id"
        ),
        pytest.param({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, "Flux", id="flux"),
    ],
)
def test_a_policy_owned_by_gitops_is_refused_and_its_owner_named(cluster, begin, metadata, owner):
    body = policy("owned")
    body["metadata"] |= metadata
    cluster.edit("create", POLICIES, body)
    transaction = begin(replace=True)

    with pytest.raises(Refused, match=owner):
        transaction.apply(policy("owned", **OPEN))
    with pytest.raises(Refused, match=owner):
        transaction.delete(policy("owned"))


def test_a_policy_owned_by_managed_fields_is_refused_unless_allowed(cluster, begin):
    cluster.edit("create", POLICIES, policy("owned"), manager="argocd-controller")

    with pytest.raises(Refused, match="field manager argocd-controller"):
        begin(replace=True, run_id="careful").apply(policy("owned", **OPEN))
    cluster.remove("leases.coordination.k8s.io", "shop", "npol")
    transaction = begin(replace=True, allow_gitops=True)
    assert transaction.apply(policy("owned", **OPEN)) == "replaced"


def test_a_policy_name_taken_by_others_meanwhile_is_refused(cluster, begin):
    transaction = begin()
    cluster.edit("create", POLICIES, policy(**OPEN))

    with pytest.raises(ChangedByOthers, match="changed by others"):
        transaction.apply(policy())

    assert cluster.policies()["shop/deny-all"]["spec"]["ingress"] == [{}]


@pytest.mark.parametrize("field", ["ownerReferences", "finalizers"])
def test_a_manifest_may_not_tie_an_object_to_others(begin, field):
    body = policy()
    body["metadata"][field] = ["x"]

    with pytest.raises(Refused, match=field):
        begin().apply(body)


def test_a_node_is_never_written(begin):
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "x"}}

    with pytest.raises(Refused):
        begin().create(body)


@pytest.mark.parametrize("passed", [0, 1], ids=["in-the-dry-run", "in-the-write"])
def test_a_policy_that_the_server_refuses_leaves_nothing(cluster, begin, passed):
    transaction = begin()
    match = {"verb": "create", "resource": POLICIES}
    cluster.faults({"match": match, "after": passed, "action": {"status": 422}})

    with pytest.raises(ApiError):
        transaction.apply(policy())

    assert transaction.restore().complete
    assert cluster.policies() == {}


@pytest.mark.parametrize("replacing", [False, True], ids=["created", "replaced"])
def test_a_policy_that_admission_rewrites_is_refused_with_a_diff(
    cluster, begin, existing, replacing
):
    connection = cluster.connect()
    verb = "replace" if replacing else "create"
    send = getattr(connection, verb)

    def webhook(obj, **options):
        if obj["kind"] == "NetworkPolicy":
            obj = {**obj, "spec": {**obj["spec"], "egress": [{}]}}
        return send(obj, **options)

    setattr(connection, verb, webhook)
    transaction = begin(connection=connection, replace=True)

    with pytest.raises(Refused, match=r"rewrites the policy[\s\S]*\+  egress"):
        transaction.apply(policy("existing" if replacing else "new", policyTypes=["Egress"]))

    assert list(cluster.policies()) == ["shop/existing"]
    assert kept(cluster.get(POLICIES, "shop", "existing")) == kept(existing)


def test_a_preview_says_what_would_happen_and_changes_nothing(cluster, begin, existing):
    transaction = begin(replace=True)
    cluster.asked.clear()

    made = transaction.preview(policy())
    replaced = transaction.preview(policy("existing", **OPEN))
    deleted = transaction.preview(policy("existing"), delete=True)

    assert [str(p) for p in (made, replaced, deleted)] == [
        "create NetworkPolicy shop/deny-all",
        "replace NetworkPolicy shop/existing",
        "delete NetworkPolicy shop/existing",
    ]
    assert "+  podSelector: {}" in made.diff
    assert "-        matchLabels:" in replaced.diff
    assert not [a for a in cluster.asked if a.writes]


def test_a_debug_pod_owned_by_the_lease_goes_with_the_run(cluster, begin):
    transaction = begin()
    debug = pod("npol-x")
    debug["metadata"] |= {
        "annotations": {"npol.dev/run": "run-1"},
        "ownerReferences": [transaction.lease("shop")],
    }
    cluster.edit("create", "pods", debug)
    cluster.edit("create", "pods", pod("stranger"))

    transaction.close()

    assert list(cluster.state()["pods"]) == ["shop/stranger"]


def test_close_restores_a_transaction_that_was_not_restored(cluster, begin):
    before = cluster.state()
    transaction = begin()
    transaction.apply(policy())

    transaction.close()

    assert cluster.state() == before


def test_an_incomplete_restore_keeps_the_journal_and_says_how_to_go_on(cluster, begin):
    transaction = begin()
    transaction.apply(policy())
    cluster.change(POLICIES, "shop", "deny-all", lambda p: p["spec"].update(OPEN))

    with pytest.raises(RestoreIncomplete, match="npol recover run-1 --context test"):
        transaction.close()

    assert cluster.state()["journals"]


def test_changes_left_on_purpose_keep_their_journal(cluster, begin):
    transaction = begin()
    transaction.apply(policy())

    transaction.leave(["first"])
    transaction.close()

    state = cluster.state()
    assert list(state["policies"]) == ["shop/deny-all"]
    assert state["leases"] == []
    assert state["journals"] == ["npol-run-1-0"]


def test_changes_left_by_another_run_are_named_unless_allowed(cluster, begin):
    transaction = begin(story="stories/one.npol.yaml")
    transaction.leave()
    transaction.close()

    with pytest.raises(
        Refused, match=r"has left its changes in namespace shop[\s\S]*npol rollback stories"
    ):
        begin("shop", "bank")
    begin("shop", allow_left_changes=True)


def test_a_forked_child_restores_nothing(cluster, begin):
    transaction = begin()
    transaction.apply(policy())

    child = os.fork()
    if child == 0:
        transaction.close()
        os._exit(0)
    os.waitpid(child, 0)

    assert list(cluster.policies()) == ["shop/deny-all"]


def test_the_state_namespace_is_made_when_it_is_missing(cluster, begin):
    cluster.remove("namespaces", None, STATE)
    while cluster.get("namespaces", None, STATE):
        pass

    begin()

    assert cluster.get("namespaces", None, STATE)


def test_a_state_namespace_that_may_not_be_made_is_asked_of_an_administrator(cluster, begin):
    cluster.remove("namespaces", None, STATE)
    while cluster.get("namespaces", None, STATE):
        pass
    cluster.faults(
        {"match": {"verb": "create", "resource": "namespaces"}, "action": {"status": 403}}
    )

    with pytest.raises(Refused, match="doctor --rbac"):
        begin()


def test_a_second_run_is_refused_with_the_holder_of_the_namespace(begin):
    begin("shop", run_id="first")

    with pytest.raises(LockHeld, match=rf"held by run first of .* \(pid {os.getpid()}\)"):
        begin("bank", "shop", run_id="second")


def test_a_run_id_must_fit_into_names(begin):
    with pytest.raises(InputError):
        begin(run_id="Not/fit")


def test_what_was_just_seen_of_policies_is_not_read_again(cluster, begin, existing):
    transaction = begin()
    seen, gone = key_of(existing), key_of(policy("new"))
    transaction.see({seen: existing, gone: None})
    cluster.asked.clear()

    assert transaction.delete(policy("existing")) == "deleted"
    assert transaction.apply(policy("new")) == "created"
    read = [a.verb for a in cluster.asked if a.resource == POLICIES and a.verb in ("get", "list")]
    assert read == []
    assert transaction.apply(policy("new")) == "unchanged", "by then it is read"


def test_what_is_not_as_it_was_seen_is_read_again(cluster, begin, existing):
    transaction = begin()
    transaction.see({key_of(policy("new")): None, key_of(existing): existing})
    cluster.edit("create", POLICIES, policy("new", **OPEN))
    cluster.remove(POLICIES, "shop", "existing")

    with pytest.raises(ChangedByOthers, match="changed by others during the run"):
        transaction.apply(policy("new"))
    with pytest.raises(ChangedByOthers, match="changed by others during the run"):
        transaction.apply(policy("existing", **OPEN), replace=True)

    assert transaction.restore().actions == ()
