"""What each mode may send, row by row; the guard sees method and path, as the server does."""

from __future__ import annotations

import pytest

from npol.errors import Refused
from npol.kube.guard import Guard, Mode, protected, request_of
from npol.kube.objects import DEPLOYMENTS, NAMESPACES

CORE = "/api/v1/namespaces"
NET = "/apis/networking.k8s.io/v1/namespaces"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/dev/leases"
DEPLOY = "/apis/apps/v1/namespaces/dev/deployments/web"

ROWS = [
    # method, path, read-only, smoke, apply
    ("GET", f"{NET}/dev/networkpolicies/a", True, True, True),
    ("GET", "/version", True, True, True),
    ("HEAD", f"{CORE}/dev/pods/a", True, True, True),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", True, True, True),
    ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", False, False, False),
    ("POST", f"{CORE}/dev/pods", False, True, True),
    ("DELETE", f"{CORE}/dev/pods/a", False, True, True),
    ("DELETE", f"{CORE}/dev/pods", False, False, False),
    ("POST", LEASES, False, True, True),
    ("PUT", f"{LEASES}/npol", False, True, True),
    ("POST", f"{CORE}/npol-system/configmaps", False, True, True),
    ("POST", f"{CORE}/dev/configmaps", False, False, False),
    ("POST", f"{NET}/dev/networkpolicies", False, False, True),
    ("PATCH", f"{NET}/dev/networkpolicies/a", False, False, True),
    ("PUT", f"{NET}/dev/networkpolicies/a", False, False, True),
    ("DELETE", f"{NET}/dev/networkpolicies/a", False, False, True),
    ("DELETE", f"{NET}/dev/networkpolicies", False, False, False),
    ("DELETE", "/apis/networking.k8s.io/v1/networkpolicies", False, False, False),
    ("POST", f"{NET}/kube-system/networkpolicies", False, False, False),
    ("POST", f"{NET}/cilium-secrets/networkpolicies", False, False, False),
    ("POST", f"{CORE}/kube-system/pods", False, False, False),
    ("POST", f"{CORE}/calico-system/pods", False, False, False),
    ("PATCH", f"{CORE}/dev", False, False, True),
    ("PATCH", f"{CORE}/kube-system", False, False, False),
    ("PUT", f"{CORE}/dev/finalize", False, False, False),
    ("DELETE", f"{CORE}/dev", False, False, False),
    ("DELETE", f"{CORE}/npol-system", False, True, True),
    ("POST", f"{CORE}/dev/pods/a/eviction", False, False, False),
    ("PATCH", f"{CORE}/dev/pods/a/ephemeralcontainers", False, False, False),
    ("POST", f"{CORE}/dev/serviceaccounts/a/token", False, False, False),
    ("POST", f"{CORE}/dev/secrets", False, False, False),
    ("GET", f"{CORE}/dev/services/web:80/proxy/admin", False, False, False),
    ("GET", f"{CORE}/dev/pods/a/portforward", False, False, False),
    ("PATCH", DEPLOY, False, False, False),
    ("DELETE", DEPLOY, False, True, True),
    ("PATCH", f"{CORE}/dev/pods/a", False, False, True),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", False, False, False),
    ("POST", "/something/else", False, False, False),
    ("POST", f"{CORE}/kube%2Dsystem/pods", False, False, False),
]


@pytest.mark.parametrize(("method", "path", "read_only", "smoke", "apply"), ROWS)
def test_each_mode_may_send_its_rows(method, path, read_only, smoke, apply):
    for mode, allowed in zip(Mode, (read_only, smoke, apply), strict=True):
        guard = Guard(mode=mode)
        if allowed:
            guard.check(request_of(method, path))
        else:
            with pytest.raises(Refused, match=r"Blocked by npol \(request not sent\)"):
                guard.check(request_of(method, path))


def test_the_story_narrows_where_it_may_write():
    guard = Guard(mode=Mode.APPLY).permit(namespaces=["dev"])

    guard.check(request_of("POST", f"{NET}/dev/networkpolicies"))
    guard.check(request_of("POST", f"{CORE}/npol-system/configmaps"))
    with pytest.raises(Refused, match="does not name this namespace"):
        guard.check(request_of("POST", f"{NET}/prod/networkpolicies"))


def test_kinds_of_given_are_added_by_name():
    guard = Guard(mode=Mode.APPLY).permit(
        namespaces=["dev"], kinds=[NAMESPACES.qualified, DEPLOYMENTS.qualified]
    )

    guard.check(request_of("POST", "/apis/apps/v1/namespaces/dev/deployments"))
    guard.check(request_of("DELETE", f"{CORE}/dev"))
    with pytest.raises(Refused):
        guard.check(request_of("DELETE", f"{CORE}/prod"))
    with pytest.raises(Refused):
        guard.check(request_of("POST", f"{CORE}/dev/secrets"))
    with pytest.raises(Refused, match="one by one"):
        guard.check(request_of("DELETE", "/apis/apps/v1/namespaces/dev/deployments"))


def test_of_a_scaled_workload_only_the_owners_of_its_fields_are_patched():
    guard = Guard(mode=Mode.APPLY).permit(namespaces=["dev"], kinds=["deployments.apps/scale"])
    patch = request_of("PATCH", "/apis/apps/v1/namespaces/dev/deployments/web")
    of_owners = {"uid": "u", "resourceVersion": "7", "managedFields": []}

    guard.check(patch, {"metadata": of_owners})
    for more in (
        {"metadata": of_owners, "spec": {"replicas": 0}},
        {"metadata": {**of_owners, "labels": {"a": "b"}}},
        None,
    ):
        with pytest.raises(Refused, match="not among what this mode writes"):
            guard.check(patch, more)


def test_a_narrower_guard_never_allows_a_protected_namespace():
    guard = Guard(mode=Mode.APPLY).permit(namespaces=["kube-system"], kinds=["namespaces"])

    for path in (f"{NET}/kube-system/networkpolicies", f"{CORE}/kube-system/pods"):
        with pytest.raises(Refused, match="protected namespace"):
            guard.check(request_of("POST", path))
    with pytest.raises(Refused, match="protected namespace"):
        guard.check(request_of("DELETE", f"{CORE}/kube-system"))


def test_exec_needs_a_mode_that_probes():
    Guard(mode=Mode.SMOKE).check_exec("dev")
    with pytest.raises(Refused, match="mode read-only may not create pods/exec"):
        Guard(mode=Mode.READ_ONLY).check_exec("dev")


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ("kube-system", True),
        ("kube-public", True),
        ("calico-apiserver", True),
        ("tigera-operator", True),
        ("cilium", True),
        ("cilium-test", True),
        ("kubernetes-dashboard", False),
        ("my-kube-system", False),
        ("npol-system", False),
    ],
)
def test_protected_namespaces_are_known_by_name(namespace, expected):
    assert protected(namespace) is expected
