"""Claims of a StatefulSet that a run has made go with it; others stay."""

from __future__ import annotations

from typing import Any, cast

from npol.changes.state.claims import delete_claims, with_marked_claims
from npol.changes.state.compare import marked, run_of

OWNER = {
    "kind": "StatefulSet",
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
}


class Cluster:
    def __init__(self, *claims):
        self.claims, self.deleted = claims, []

    def list(self, resource, namespace):
        return self.claims

    def delete(self, ref, *, uid):
        self.deleted.append((ref.name, uid))


def claim(name, run=""):
    obj: Any = {"metadata": {"name": name, "namespace": "shop", "uid": f"uid-of-{name}"}}
    return marked(obj, run) if run else obj


def test_what_is_made_of_a_template_carries_the_run():
    (template,) = with_marked_claims(cast(Any, OWNER), "r1")["spec"]["volumeClaimTemplates"]
    assert run_of(template) == "r1"
    assert with_marked_claims({"kind": "Deployment", "spec": {}}, "r1")["spec"] == {}


def test_only_claims_of_this_run_and_this_owner_are_deleted():
    cluster = Cluster(
        claim("data-db-0", "r1"),
        claim("data-db-1"),
        claim("data-db-2", "another"),
        claim("data-other-0", "r1"),
    )
    delete_claims(cast(Any, cluster), OWNER, "r1")
    assert cluster.deleted == [("data-db-0", "uid-of-data-db-0")]
