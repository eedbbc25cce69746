"""Rights in few words: a user with none of them has some dozen lines to read, not seventy."""

from __future__ import annotations

import re

from npol.kube.guard import Mode
from npol.kube.rbac import Right, rights
from npol.kube.right_groups import right_groups


def right(verb, resource, namespace="", *, group="", name=""):
    return Right(verb=verb, group=group, resource=resource, namespace=namespace, name=name)


def test_one_right_is_said_as_it_is_alone():
    for one in (
        right("get", "namespaces", name="kube-system"),
        right("create", "networkpolicies", "dev", group="networking.k8s.io"),
    ):
        assert list(right_groups([one])) == [str(one)]


def test_rights_that_differ_in_one_thing_stand_together():
    asked = [
        right(verb, resource, namespace)
        for namespace in ("data", "shop")
        for resource in ("pods", "events")
        for verb in ("get", "list")
    ]

    assert list(right_groups([*asked, right("create", "pods", "shop")])) == [
        "get, list pods in namespace data",
        "get, list events in namespaces data, shop",
        "get, list, create pods in namespace shop",
    ]
    assert list(right_groups(asked)) == ["get, list pods, events in namespaces data, shop"]


def test_whoever_may_nothing_has_few_lines_to_read():
    asked = list(rights(Mode.APPLY, ["data", "kube-system", "shop"]))

    told = list(right_groups(asked))

    assert len(asked) > 70
    assert len(told) < 15
    for one in asked:
        what = re.escape(one.resource + (f".{one.group}" if one.group else ""))
        assert any(re.search(rf"\b{one.verb}\b.* {what}\b", line) for line in told)
