"""The table of rights: what it never holds, and what each mode adds."""

from __future__ import annotations

import itertools

import pytest

from npol.kube.guard import Mode
from npol.kube.rbac import Extra, manifests, rights, rules


def every(mode):
    return set(map(str, rights(mode, ["dev"], extras=list(Extra))))


def test_each_mode_has_the_rights_of_the_one_before():
    for less, more in itertools.pairwise(Mode):
        assert every(less) < every(more)


@pytest.mark.parametrize("mode", Mode)
def test_the_table_never_holds_what_no_test_needs(mode):
    for right in rights(mode, ["dev"], extras=list(Extra)):
        assert right.resource not in ("secrets", "nodes", "pods/ephemeralcontainers")
        assert right.verb not in ("impersonate", "escalate", "bind", "*")
        assert "*" not in (right.group, right.resource)


def test_only_apply_writes_policies():
    writes = {"create", "update", "patch", "delete"}
    for mode in Mode:
        found = {r.verb for r in rights(mode, ["dev"]) if r.resource == "networkpolicies"}
        assert bool(found & writes) is (mode is Mode.APPLY)


def test_read_only_writes_nothing():
    assert {r.verb for r in rights(Mode.READ_ONLY, ["dev"])} == {"get", "list"}


@pytest.mark.parametrize("mode", Mode)
def test_a_protected_namespace_is_only_read(mode):
    for rule in rules(mode, "kube-system", extras=list(Extra)):
        assert set(rule.verbs) <= {"get", "list"}


def test_config_maps_are_written_in_the_state_namespace_only():
    places = {r.namespace for r in rights(Mode.APPLY, ["dev"]) if r.resource == "configmaps"}

    assert places == {"npol-system"}


def test_leases_are_changed_by_name_only():
    named = {r.verb: r.name for r in rights(Mode.SMOKE, ["dev"]) if r.resource == "leases"}

    assert named == {"create": "", "get": "npol", "update": "npol", "delete": "npol"}


def test_manifests_bind_every_role_to_the_account():
    made = manifests(Mode.APPLY, ["dev", "qa"])

    kinds = [(o["kind"], o["metadata"].get("namespace", "")) for o in made]
    assert kinds == [
        ("Namespace", ""),
        ("ServiceAccount", "npol-system"),
        ("ClusterRole", ""),
        ("ClusterRoleBinding", ""),
        ("Role", "dev"),
        ("RoleBinding", "dev"),
        ("Role", "kube-system"),
        ("RoleBinding", "kube-system"),
        ("Role", "npol-system"),
        ("RoleBinding", "npol-system"),
        ("Role", "qa"),
        ("RoleBinding", "qa"),
    ]
    for role, binding in zip(made[2::2], made[3::2], strict=True):
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "npol", "namespace": "npol-system"}
        ]


@pytest.mark.parametrize("mode", Mode)
def test_logs_may_be_read_where_a_story_looks_into_them(mode):
    without, with_ = (
        {r.namespace for r in rights(mode, ["dev"], extras=e) if r.resource == "pods/log"}
        for e in ([Extra.LABELS], [Extra.LOGS])
    )

    assert without == set()
    assert ("dev" in with_) is (mode is not Mode.READ_ONLY)


def test_printed_roles_that_only_read_read_policies_of_every_kind_and_no_pods_of_the_cluster():
    made = manifests(Mode.READ_ONLY, ["shop"])
    rules = {
        (o["kind"], r): rule for o in made for rule in o.get("rules", ()) for r in rule["resources"]
    }

    assert rules["Role", "ciliumnetworkpolicies"]["verbs"] == ["list"]
    assert rules["ClusterRole", "adminnetworkpolicies"]["verbs"] == ["list"]
    assert ("ClusterRole", "pods") not in rules
