"""What others change in the middle of a step."""

import pytest

from npol.judge.state_changes import differences, policy_differences
from npol.model.inventory import Inventory


def policy(name, namespace="shop", uid="u1", **spec):
    return {"metadata": {"namespace": namespace, "name": name, "uid": uid}, "spec": spec}


def pod(name="web-1", namespace="shop", **labels):
    return {"metadata": {"namespace": namespace, "name": name, "uid": name, "labels": labels}}


def namespace(name="shop", **labels):
    return {"metadata": {"name": name, "labels": labels}}


DENY = policy("deny-all", podSelector={})


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param((), (DENY,), "NetworkPolicy shop/deny-all was created", id="created"),
        pytest.param((DENY,), (), "NetworkPolicy shop/deny-all was deleted", id="deleted"),
        pytest.param(
            (DENY,),
            (policy("deny-all", podSelector={"matchLabels": {"a": "b"}}),),
            "NetworkPolicy shop/deny-all was changed",
            id="changed",
        ),
        pytest.param(
            (DENY,),
            (policy("deny-all", uid="u2", podSelector={}),),
            "NetworkPolicy shop/deny-all was changed",
            id="made-anew",
        ),
    ],
)
def test_policies_of_every_namespace_that_is_looked_at_count(before, after, told):
    assert differences(Inventory(policies=before), Inventory(policies=after), ()) == [told]


def test_policies_of_other_kinds_are_told_apart_by_kind_and_place():
    mine, whole = ({"kind": kind, **DENY} for kind in ("CiliumNetworkPolicy", "NetworkPolicy"))
    wide = {"kind": "ClusterNetworkPolicy", "metadata": {"name": "a", "uid": "u"}, "spec": {}}
    several = {**mine, "specs": [{"endpointSelector": {}}]}

    assert policy_differences([mine, whole], [whole, wide]) == [
        "CiliumNetworkPolicy shop/deny-all was deleted",
        "ClusterNetworkPolicy a was created",
    ]
    assert policy_differences([mine], [several]) == [
        "CiliumNetworkPolicy shop/deny-all was changed"
    ]


def test_policies_of_namespaces_that_are_compared_elsewhere_do_not_count():
    assert differences(Inventory(), Inventory(policies=(DENY,)), (), known=["shop"]) == []


def test_policy_whose_metadata_alone_changed_is_the_same():
    touched = {**DENY, "metadata": {**DENY["metadata"], "resourceVersion": "9"}}

    assert differences(Inventory(policies=(DENY,)), Inventory(policies=(touched,)), ()) == []


def test_labels_of_pods_that_were_asked_count_and_no_others():
    before = Inventory(pods=(pod("web-1", app="web"), pod("other", app="x")))
    after = Inventory(pods=(pod("web-1", app="cut"), pod("other", app="y")))

    assert differences(before, after, {"web-1"}) == ["the labels of pod shop/web-1 were changed"]


def test_pod_that_went_is_no_change_of_labels():
    assert differences(Inventory(pods=(pod("web-1", app="web"),)), Inventory(), {"web-1"}) == []


def test_labels_of_namespaces_with_pods_count():
    before = Inventory(pods=(pod(),), namespaces=(namespace(), namespace("far")))
    after = Inventory(pods=(pod(),), namespaces=(namespace(team="b"), namespace("far", team="c")))

    assert differences(before, after, ()) == ["the labels of namespace shop were changed"]
