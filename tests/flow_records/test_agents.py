"""Where Cilium's agents are looked for, and where nobody looks in vain."""

from __future__ import annotations

import pytest

from npol.flow_records.agents import agents_of


def agent(namespace, node):
    return {
        "metadata": {"name": f"cilium-{node}", "namespace": namespace, "uid": node},
        "spec": {"nodeName": node, "containers": [{"name": "cilium-agent"}]},
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }


class Api:
    """A cluster with agents in some namespaces; `may`: whether pods may be listed anywhere."""

    def __init__(self, *agents, may):
        self.agents, self.may = agents, may
        self.listed = []

    def list(self, resource, namespace="", *, selector=""):
        assert selector == "k8s-app=cilium"
        self.listed.append(namespace)
        return [a for a in self.agents if namespace in ("", a["metadata"]["namespace"])]

    def raw(self, method, path, *, body, **_):
        assert path.endswith("/selfsubjectaccessreviews")
        assert body["spec"]["resourceAttributes"] == {"verb": "list", "resource": "pods"}
        return {"status": {"allowed": self.may}}


@pytest.mark.parametrize(
    ("place", "may", "found", "listed"),
    [
        ("kube-system", False, ["n1", "n2"], ["kube-system"]),
        ("cilium", True, ["n1", "n2"], ["kube-system", ""]),
        ("cilium", False, [], ["kube-system"]),
    ],
)
def test_agents_are_looked_for_where_this_user_may_look(place, may, found, listed):
    api = Api(agent(place, "n1"), agent(place, "n2"), may=may)

    assert sorted(agents_of(api)) == found  # type: ignore[arg-type]
    assert api.listed == listed
