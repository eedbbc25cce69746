"""What a cluster serves: by one document where it has one, else group by group."""

import pytest

from npol.kube.api_client import Verbs
from npol.kube.api_errors import ApiError
from npol.kube.resource_names import namespaced_kinds

ROWS = [("pods", "Pod", "Namespaced"), ("nodes", "Node", "Cluster")]


def document(name, version, *, freshness="Current", verbs=("list", "delete")):
    """One group as the document of all groups has it."""
    resources = [
        {
            "resource": plural,
            "scope": scope,
            "verbs": list(verbs),
            "responseKind": {"group": name, "version": version, "kind": kind},
        }
        for plural, kind, scope in ROWS
    ]
    one = {"version": version, "freshness": freshness, "resources": resources}
    older = {"version": "v0", "freshness": "Current", "resources": []}
    return {"metadata": {"name": name or None}, "versions": [one, older]}


class Server(Verbs):
    def __init__(self, *groups, aggregated=True):
        super().__init__()
        self.groups = groups
        self.aggregated = aggregated
        self.paths = []

    def raw(self, method, path, *, accept="", **_):
        self.paths.append(path)
        if self.aggregated and "as=APIGroupDiscoveryList" in accept:
            core = path == "/api"
            items = [g for g in self.groups if core == (not g["metadata"]["name"])]
            return {"kind": "APIGroupDiscoveryList", "items": items}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            names = [g["metadata"]["name"] for g in self.groups if g["metadata"]["name"]]
            preferred = {"version": "v1"}
            return {
                "kind": "APIGroupList",
                "groups": [{"name": n, "preferredVersion": preferred} for n in names],
            }
        rows = [
            {"name": p, "kind": k, "namespaced": s == "Namespaced", "verbs": ["list", "delete"]}
            for p, k, s in ROWS
        ]
        return {"resources": rows}


@pytest.mark.parametrize(("aggregated", "asked"), [(True, 2), (False, 4)])
def test_both_ways_tell_the_same(aggregated, asked):
    server = Server(document("", "v1"), document("apps", "v1"), aggregated=aggregated)

    found = namespaced_kinds(server)

    assert [kind.qualified for kind in found] == ["pods", "pods.apps"]
    assert {kind.version for kind in found} == {"v1"}
    assert len(server.paths) == asked


def test_what_can_only_be_read_is_no_object():
    assert namespaced_kinds(Server(document("metrics", "v1", verbs=("get", "list")))) == []


def test_a_group_that_does_not_answer_is_said():
    with pytest.raises(ApiError, match="metrics does not say what it serves"):
        namespaced_kinds(Server(document("metrics", "v1", freshness="Stale")))
