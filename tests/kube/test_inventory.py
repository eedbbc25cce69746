"""What is read of a cluster, and of which namespaces."""

from typing import Any

import pytest

from npol.kube.api_client import Verbs
from npol.kube.api_errors import Forbidden
from npol.kube.inventory import read, read_templates
from npol.kube.objects import CRON_JOBS, JOBS, PODS


class Lists(Verbs):
    """A cluster with some namespaces and a pod in each; remembers the paths that were listed."""

    def __init__(self, *namespaces, forbidden=()):
        super().__init__()
        self.namespaces = namespaces
        self.forbidden = forbidden
        self.paths = []

    def raw(self, method, path, **_):
        self.paths.append(path)
        if path in self.forbidden:
            raise Forbidden(f"{path}: forbidden", status=403)
        if path == "/api/v1/namespaces":
            return {"items": [{"metadata": {"name": name}} for name in self.namespaces]}
        if not path.endswith("/pods"):
            return {"items": []}
        there = [n for n in self.namespaces if path in ("/api/v1/pods", PODS.path(n))]
        return {"items": [{"metadata": {"namespace": n, "name": "p", "uid": n}} for n in there]}


def listed(*namespaces, workloads):
    """The paths that are asked for."""
    cluster = Lists()
    read(cluster, namespaces, workloads=workloads)
    return cluster.paths


def test_workloads_are_read_where_they_are_looked_at_and_nowhere_else():
    paths = listed("shop", "kube-system", workloads=["shop"])

    assert {PODS.path("shop"), PODS.path("kube-system")} <= set(paths)
    apps = [path for path in paths if path.startswith("/apis/apps/")]
    assert len(apps) == 4
    assert all("/namespaces/shop/" in path for path in apps)


def test_each_kind_is_listed_once():
    paths = listed("shop", "shop", "kube-system", workloads=["shop", "shop"])

    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    ("others", "at_once"),
    [pytest.param(2, True, id="most-of-the-cluster"), pytest.param(40, False, id="a-few")],
)
def test_most_of_a_clusters_namespaces_are_listed_at_once(others, at_once):
    cluster = Lists("a", "b", *(f"other-{n}" for n in range(others)))
    read(cluster, ["a", "b"])  # how many there are is known from now on
    cluster.paths.clear()

    found = read(cluster, ["a", "b"])

    assert {pod["metadata"]["namespace"] for pod in found.pods} == {"a", "b"}
    assert ("/api/v1/pods" in cluster.paths) is at_once


def test_who_may_not_list_all_namespaces_lists_each_and_asks_for_all_once():
    cluster = Lists("a", "b", "c", forbidden=("/api/v1/pods",))

    for _ in range(3):
        found = read(cluster, ["a", "b"])

    assert {pod["metadata"]["namespace"] for pod in found.pods} == {"a", "b"}
    assert cluster.paths.count("/api/v1/pods") == 1


class Templates(Verbs):
    """A namespace whose Deployments `idle` and `busy`, Jobs and CronJobs are listed."""

    def __init__(self, *forbidden):
        super().__init__()
        self.forbidden = forbidden

    def raw(self, method, path, **_):
        raise AssertionError(f"{method} {path} is not asked")

    def list_in(self, resource, namespaces, **_):
        if resource in self.forbidden:
            raise Forbidden("no", status=403)
        known: dict[str, list[tuple[str, dict[str, Any]]]] = {
            "Deployment": [("idle", {"replicas": 0}), ("busy", {"replicas": 2})],
            "Job": [("once", {})],
            "CronJob": [("nightly", {"schedule": "0 3 * * *"})],
        }
        found = known.get(resource.kind, [])
        return [{"metadata": {"name": n, "namespace": "shop"}, "spec": spec} for n, spec in found]


@pytest.mark.parametrize(
    ("forbidden", "names"),
    [((), ["nightly", "once", "idle"]), ((CRON_JOBS, JOBS), ["idle"])],
)
def test_what_may_make_pods_is_read_as_far_as_it_may_be(forbidden, names):
    found = read_templates(Templates(*forbidden), ["shop"])

    assert [o["metadata"]["name"] for o in found] == names
    assert all(o["kind"] and o["apiVersion"] and o["spec"]["replicas"] == 1 for o in found)
