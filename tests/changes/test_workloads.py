"""Running workloads scaled and restarted: refused where that would not last, and put back."""

from dataclasses import replace

import pytest

from npol.errors import NpolError, Refused
from npol.kube.objects import resource_for
from npol.model.change import WorkloadRef
from tests.changes.scripted import SUBRESOURCES, found_workload

DEPLOYMENTS = "deployments.apps"
API = WorkloadRef(kind="Deployment", namespace="shop", name="api")


@pytest.fixture
def api(cluster):
    cluster.edit("create", DEPLOYMENTS, found_workload(), manager="kubectl")
    return cluster


@pytest.fixture
def transaction(api, begin):
    return begin(subresources=SUBRESOURCES)


def replicas(cluster):
    return cluster.get(DEPLOYMENTS, "shop", "api")["spec"]["replicas"]


def uids(cluster):
    return {p["metadata"]["uid"] for p in cluster.list("pods", "shop")}


def set_replicas(number):
    return lambda workload: workload["spec"].update(replicas=number)


def test_a_restart_replaces_every_pod_and_leaves_the_template(api, transaction):
    transaction.scale(API, 2, within=30)  # waits until they are there
    before, was = uids(api), api.get(DEPLOYMENTS, "shop", "api")

    assert transaction.restart(API, within=30) == 2

    assert len(uids(api)) == 2
    assert not uids(api) & before
    assert api.get(DEPLOYMENTS, "shop", "api")["spec"] == was["spec"]
    assert api.get(DEPLOYMENTS, "shop", "api")["metadata"]["generation"] == 1


def test_replicas_come_back_and_the_end_says_so(api, transaction):
    assert transaction.scale(API, 3, within=30) == 2
    assert replicas(api) == 3

    done = transaction.restore()

    assert (replicas(api), done.complete) == (2, True)
    assert done.actions == ("scaled Deployment shop/api back to 2",)


@pytest.fixture
def owned(api):
    """Manager -> whether it owns the replicas; `applied` by it, if it set them."""

    def owners():
        entries = api.get(DEPLOYMENTS, "shop", "api")["metadata"]["managedFields"]
        return sorted(
            (e["manager"], e["operation"])
            for e in entries
            if "f:replicas" in e["fieldsV1"].get("f:spec", {})
        )

    return owners


def test_replicas_go_back_to_the_manager_that_owned_them(api, transaction, owned):
    before = owned()
    assert before
    transaction.scale(API, 3, within=30)
    assert owned() == [("npol", "Update")]

    transaction.restore()

    assert owned() == before


@pytest.fixture
def applied(api):
    """The workload, made by server-side apply."""
    connection = api.connect()
    connection.permit(namespaces=["shop"], kinds=[resource_for("apps/v1", "Deployment")])
    api.remove(DEPLOYMENTS, "shop", "api")

    def apply(**spec):
        body = found_workload()
        body["spec"] = {k: v for k, v in (body["spec"] | spec).items() if v is not None}
        return connection.apply(body, manager="platform")

    return apply


def test_replicas_that_nobody_owned_are_nobody_s_again(applied, transaction, owned):
    applied(replicas=None)
    assert owned() == []
    transaction.scale(API, 2, within=30)

    transaction.restore()

    assert owned() == []


def test_an_apply_of_other_replicas_meets_no_conflict_after_the_run(applied, transaction):
    applied()
    transaction.scale(API, 3, within=30)
    transaction.restore()

    assert applied(replicas=4)["spec"]["replicas"] == 4


def test_replicas_that_others_set_meanwhile_are_named_and_left(api, transaction):
    transaction.scale(API, 3, within=30)
    assert transaction.changed_by_others() == []

    api.change(DEPLOYMENTS, "shop", "api", set_replicas(5))

    (text,) = transaction.changed_by_others()
    assert text == "Deployment shop/api was scaled to 5 by others during the run; npol had set 3"
    done = transaction.restore()
    assert (replicas(api), done.complete) == (5, False)
    (problem,) = done.problems
    assert problem == "Deployment shop/api: it has 5 replicas, had 2: changed by others"


def test_the_end_waits_until_as_many_as_before_are_ready(api, transaction):
    transaction.scale(API, 0, within=30)
    transaction.restore()

    transaction.wait_until_back(within=30)

    assert len(uids(api)) == 2


def test_a_dry_run_says_what_it_would_scale(api, transaction):
    workloads = transaction._workloads
    missing = replace(API, name="none")

    assert workloads.preview_scale(API, 5) == "scale Deployment shop/api from 2 to 5"
    assert workloads.preview_scale(missing, 5).endswith("to 5, once it is there")
    assert replicas(api) == 2


def test_replicas_go_back_to_those_of_an_earlier_step(api, transaction):
    transaction.scale(API, 3, within=30)
    transaction.mark("more")
    transaction.scale(API, 1, within=30)

    assert transaction.restore_to("more") == ["scaled Deployment shop/api to 3"]
    assert replicas(api) == 3
    transaction.restore()
    assert replicas(api) == 2


def test_a_workload_that_was_deleted_meanwhile_is_named(api, transaction):
    transaction.scale(API, 3, within=30)
    api.remove(DEPLOYMENTS, "shop", "api")

    assert transaction.changed_by_others() == [
        "Deployment shop/api was deleted by others during the run"
    ]


def test_an_autoscaler_forbids_it(api, transaction):
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "api"}, "maxReplicas": 4}
    body = {"metadata": {"name": "auto", "namespace": "shop"}, "spec": spec}
    api.edit("create", "horizontalpodautoscalers.autoscaling", body)
    try:
        with pytest.raises(Refused, match="is scaled by HorizontalPodAutoscaler auto"):
            transaction.scale(API, 3, within=30)
    finally:
        api.remove("horizontalpodautoscalers.autoscaling", "shop", "auto")
    assert replicas(api) == 2


def test_pods_that_do_not_come_end_the_wait(api, transaction):
    stuck = found_workload()
    stuck["spec"]["template"]["spec"]["nodeSelector"] = {"there-is": "none"}
    api.remove(DEPLOYMENTS, "shop", "api")
    api.edit("create", DEPLOYMENTS, stuck)

    with pytest.raises(Refused, match="its pods are not ready after 0 s"):
        transaction.scale(API, 3, within=0)


@pytest.mark.parametrize(
    ("missing", "act"),
    [
        ("pods/eviction", lambda t: t.restart(API, within=1)),
        ("deployments.apps/scale", lambda t: t.scale(API, 3, within=1)),
    ],
)
def test_a_run_that_did_not_ask_for_it_sends_nothing(api, begin, missing, act):
    transaction = begin(subresources=[s for s in SUBRESOURCES if s != missing])

    with pytest.raises(NpolError, match="Blocked by npol"):
        act(transaction)

    assert replicas(api) == 2
