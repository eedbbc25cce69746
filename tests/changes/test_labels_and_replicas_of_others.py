"""Guarantee G4 for what a run changes of an object: its labels, and a workload's replicas."""

import pytest

from npol.changes.apply.change_session import ChangedByOthers
from npol.errors import NpolError
from npol.model.change import WorkloadRef
from tests.changes.cluster import pod
from tests.changes.scripted import SUBRESOURCES, found_workload

DEPLOYMENTS = "deployments.apps"
API = WorkloadRef(kind="Deployment", namespace="shop", name="api")
LABELLED = [("namespaces", ""), ("pods", "shop")]


@pytest.fixture
def run(cluster, begin):
    """A run among a workload and a pod of others; the namespace's labels as before at the end."""
    cluster.edit("create", DEPLOYMENTS, found_workload(), manager="kubectl")
    cluster.edit("create", "pods", pod("shop"))  # the name of the namespace, for the tests' sake
    yield begin(subresources=SUBRESOURCES)
    cluster.change("namespaces", None, "shop", lambda n: n["metadata"]["labels"].pop("team", None))


def label(run, resource, place, value):
    run.label(resource.removesuffix("s"), place, "shop", {"team": value})


def team(cluster, resource, place):
    return cluster.get(resource, place, "shop")["metadata"]["labels"].get("team")


def replicas(cluster):
    return cluster.get(DEPLOYMENTS, "shop", "api")["spec"]["replicas"]


def scaled_by_others(cluster, number):
    cluster.change(DEPLOYMENTS, "shop", "api", lambda d: d["spec"].update(replicas=number))


def labelled_by_others(cluster, resource, place, value):
    cluster.change(resource, place, "shop", lambda o: o["metadata"]["labels"].update(team=value))


@pytest.mark.parametrize(("resource", "place"), LABELLED)
@pytest.mark.parametrize(
    "then",
    [
        pytest.param(lambda r, kind, place: label(r, kind, place, "d"), id="a-later-label"),
        pytest.param(
            lambda r, kind, place: label(r, kind, place, "of-others"), id="the-same-label"
        ),
        pytest.param(lambda r, *_: r.restore_to("first"), id="back-to-a-step"),
        pytest.param(lambda r, *_: r.restore_to("begin"), id="back-to-the-beginning"),
    ],
)
def test_a_label_that_others_changed_is_left_and_named(cluster, run, resource, place, then):
    run.mark("begin")
    label(run, resource, place, "a")
    run.mark("first")
    label(run, resource, place, "b")
    labelled_by_others(cluster, resource, place, "of-others")

    with pytest.raises(ChangedByOthers, match="team is 'of-others', npol had set 'b'"):
        then(run, resource, place)

    done = run.restore()
    assert team(cluster, resource, place) == "of-others"
    assert not done.complete
    assert "team" in done.problems[0]


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(lambda r: r.scale(API, 5, within=30), id="a-later-scale"),
        pytest.param(lambda r: r.scale(API, 7, within=30), id="the-same-scale"),
        pytest.param(lambda r: r.restore_to("first"), id="back-to-a-step"),
        pytest.param(lambda r: r.restore_to("begin"), id="back-to-the-beginning"),
    ],
)
def test_replicas_that_others_changed_are_left_and_named(cluster, run, then):
    run.mark("begin")
    run.scale(API, 3, within=30)
    run.mark("first")
    run.scale(API, 4, within=30)
    scaled_by_others(cluster, 7)

    with pytest.raises(ChangedByOthers, match=r"scaled to 7 by others .* npol had set 4"):
        then(run)

    done = run.restore()
    assert (replicas(cluster), done.complete) == (7, False)
    assert done.problems == ("Deployment shop/api: it has 7 replicas, had 2: changed by others",)


def test_a_label_that_the_run_has_not_set_yet_may_be_anything_and_comes_back(cluster, run):
    label(run, "namespaces", "", "a")
    cluster.change("namespaces", None, "shop", lambda n: n["metadata"]["labels"].update(tier="x"))

    run.label("namespace", "", "shop", {"tier": "y"})

    run.restore()
    assert cluster.get("namespaces", None, "shop")["metadata"]["labels"]["tier"] == "x"
    cluster.change("namespaces", None, "shop", lambda n: n["metadata"]["labels"].pop("tier"))


def test_another_workload_of_that_name_is_not_taken_back_to_a_step(cluster, run):
    run.scale(API, 3, within=30)
    run.mark("first")
    run.scale(API, 4, within=30)
    cluster.remove(DEPLOYMENTS, "shop", "api")
    cluster.edit("create", DEPLOYMENTS, found_workload())
    scaled_by_others(cluster, 4)

    assert run.restore_to("first") == []
    assert replicas(cluster) == 4


@pytest.mark.parametrize(
    ("fail_at", "act"),
    [
        ("patch", lambda r: label(r, "namespaces", "", "a")),
        ("raw", lambda r: r.scale(API, 3, within=30)),
    ],
    ids=["label", "scale"],
)
def test_what_was_written_down_and_never_sent_makes_nobody_else_its_author(
    monkeypatch, run, fail_at, act
):
    def refused(*_, **__):
        raise NpolError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(run._session.connection, fail_at, refused)
        with pytest.raises(NpolError, match="not now"):
            act(run)

    act(run)

    assert run.restore().complete


def test_what_the_run_has_applied_again_is_not_of_others(cluster, run):
    run.create(pod("given", app="one"))
    run.label("pod", "shop", "given", {"app": "two"})
    run.apply(pod("given", app="one"))

    run.label("pod", "shop", "given", {"app": "three"})

    assert cluster.get("pods", "shop", "given")["metadata"]["labels"]["app"] == "three"
    assert run.restore().complete
