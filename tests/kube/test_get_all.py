"""Many objects are read by few requests, and none is shown that nobody asked for."""

import pytest

from npol.kube.api_client import Verbs
from npol.kube.api_errors import ApiError, Forbidden
from npol.kube.get_all import get_all
from npol.kube.objects import BUILT_IN, CONFIG_MAPS, NAMESPACES, Ref

SECRETS = BUILT_IN["v1", "Secret"]


class Cluster(Verbs):
    """Every namespace holds the objects `a` to `e` of every kind; remembers what was asked."""

    NAMES = "abcde"

    def __init__(self, *namespaces, forbidden=()):
        super().__init__()
        self.namespaces = namespaces
        self.forbidden = forbidden
        self.paths = []
        self.list(NAMESPACES)
        self.paths.clear()

    def raw(self, method, path, **_):
        self.paths.append(path)
        if path in self.forbidden:
            raise Forbidden(f"{path}: forbidden", status=403)
        if path == "/api/v1/namespaces":
            return {"items": [{"metadata": {"name": name}} for name in self.namespaces]}
        last = path.rpartition("/")[2]
        if last in (*self.NAMES, *self.namespaces):
            return {"metadata": {"name": last}}
        if last in ("configmaps", "secrets"):
            there = [n for n in self.namespaces if n in path.split("/")] or self.namespaces
            return {
                "items": [{"metadata": {"namespace": n, "name": a}} for n in there for a in "abcde"]
            }
        raise ApiError("gone", status=404)


def refs(*names, namespace="shop", kind=CONFIG_MAPS):
    return [Ref(kind, namespace, name) for name in names]


FEW = ("shop", *(f"other-{n}" for n in range(9)))


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        pytest.param(refs(*"ab"), 2, id="two-are-got"),
        pytest.param(refs(*"abc"), 1, id="three-are-listed"),
        pytest.param([*refs(*"abc"), *refs(*"abc")], 1, id="each-once"),
        pytest.param([*refs("a"), *refs("b", namespace="other-1")], 2, id="two-places"),
        pytest.param(refs(*"abcde", kind=SECRETS), 5, id="secrets-are-never-listed"),
    ],
)
def test_many_objects_of_a_kind_are_read_by_a_list(wanted, asked):
    cluster = Cluster(*FEW)

    found = get_all(cluster, wanted)

    assert len(cluster.paths) == asked
    assert {ref.name: obj["metadata"]["name"] for ref, obj in found.items() if obj} == {
        ref.name: ref.name for ref in wanted
    }


def test_most_of_the_clusters_namespaces_are_one_list():
    cluster = Cluster("shop", "bank", "desk")
    wanted = [Ref(CONFIG_MAPS, namespace, "a") for namespace in ("shop", "bank", "desk")]

    assert all(get_all(cluster, wanted).values())
    assert cluster.paths == ["/api/v1/configmaps"]


def test_what_is_not_there_is_none():
    found = get_all(Cluster(*FEW), refs("a", "b", "x"))

    assert [obj is None for obj in found.values()] == [False, False, True]


def test_who_may_not_list_gets_each():
    cluster = Cluster(*FEW, forbidden=[CONFIG_MAPS.path("shop")])

    assert all(get_all(cluster, refs(*"abc")).values())
    assert len(cluster.paths) == 4
