"""The connection on a real API server: what fakes may get wrong."""

from __future__ import annotations

import pytest

from npol.errors import InputError, Refused
from npol.kube.connection import ApiError, Mode
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES, Ref
from tests.live.conftest import permitted

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def _no_policies(connected, namespace):
    yield
    connection = permitted(connected(), namespace)
    for left in connection.list(NETWORK_POLICIES, namespace):
        connection.delete(connection.ref_of(left))


def policy(namespace, **spec):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }


def test_a_policy_lives_and_dies(connected, namespace):
    connection = permitted(connected(), namespace)

    first = connection.apply(policy(namespace))
    again = connection.apply(policy(namespace))
    listed = connection.list(NETWORK_POLICIES, namespace)

    assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]
    assert [(o["kind"], o["metadata"]["name"]) for o in listed] == [("NetworkPolicy", "deny")]
    assert first["spec"]["policyTypes"] == ["Ingress"]
    ref = connection.ref_of(first)
    with pytest.raises(ApiError) as caught:
        connection.delete(ref, uid="11111111-2222-3333-4444-555555555555")
    assert caught.value.status == 409
    assert connection.delete(ref, uid=first["metadata"]["uid"]) is True
    assert connection.delete(ref, uid=first["metadata"]["uid"]) is False
    assert connection.get(ref) is None


def test_a_dry_run_leaves_nothing(connected, namespace):
    connection = permitted(connected(), namespace)

    connection.create(policy(namespace), dry_run=True)
    connection.apply(policy(namespace), dry_run=True)

    assert connection.list(NETWORK_POLICIES, namespace) == []


def test_an_unknown_field_is_refused_and_not_dropped(connected, namespace):
    with pytest.raises(ApiError, match="podselector"):
        permitted(connected(), namespace).create(policy(namespace, podselector={}))


def test_an_old_resource_version_is_a_conflict(connected, namespace):
    connection = permitted(connected(), namespace)
    first = connection.create(policy(namespace))
    connection.replace({**first, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}})

    with pytest.raises(ApiError) as caught:
        connection.replace(first)

    assert (caught.value.status, caught.value.reason) == (409, "Conflict")


def test_fields_of_another_manager_are_a_conflict_unless_forced(connected, namespace):
    connection = permitted(connected(), namespace)
    connection.apply(policy(namespace, policyTypes=["Ingress"]), manager="somebody")

    with pytest.raises(ApiError) as caught:
        connection.apply(policy(namespace, policyTypes=["Egress"]))
    forced = connection.apply(policy(namespace, policyTypes=["Egress"]), force=True)

    assert caught.value.status == 409
    assert forced["spec"]["policyTypes"] == ["Egress"]


def test_a_long_list_comes_in_pages_and_whole(connected, namespace, monkeypatch):
    monkeypatch.setattr("npol.kube.api_client.PAGE", 2)
    connection = permitted(connected(), namespace)
    for number in range(5):
        body = policy(namespace)
        connection.create({**body, "metadata": {**body["metadata"], "name": f"p{number}"}})

    found = connection.list(NETWORK_POLICIES, namespace)

    assert {o["metadata"]["name"] for o in found} == {f"p{n}" for n in range(5)}
    assert connection.requests["list networkpolicies.networking.k8s.io"] == 3


def test_kinds_are_discovered(connected):
    assert connected().resource("scheduling.k8s.io/v1", "PriorityClass").plural == "priorityclasses"
    found = connected().resource("flowcontrol.apiserver.k8s.io/v1", "FlowSchema")
    assert (found.plural, found.namespaced) == ("flowschemas", False)
    with pytest.raises(InputError, match="serves no kind Nonsense"):
        connected().resource("nonsense.example/v1", "Nonsense")


def test_protected_namespaces_are_safe_from_an_administrator(connected):
    connection = connected()

    for write in (
        lambda: connection.create(policy("kube-system")),
        lambda: connection.delete(Ref(NAMESPACES, "", "kube-system")),
    ):
        with pytest.raises(Refused, match=r"Blocked by npol \(request not sent\)"):
            write()


def test_read_only_reads(connected):
    connection = connected(Mode.READ_ONLY)

    assert connection.get(Ref(NAMESPACES, "", "kube-system"))["metadata"]["uid"]
    with pytest.raises(Refused, match="mode read-only"):
        connection.create(policy("default"))
