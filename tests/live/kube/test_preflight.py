"""Preflight, rights and engines on a real cluster."""

from __future__ import annotations

import pytest
import yaml

from npol.cni.detect import detect, gather
from npol.cni.other_policy_kinds import foreign_policies
from npol.cni.own_rights import denied
from npol.cni.preflight import preflight
from npol.cni.preflight_request import PreflightRequest
from npol.errors import InputError, Refused
from npol.kube.connection import Forbidden, Mode, connect
from npol.kube.objects import NAMESPACES, Ref
from npol.kube.rbac import manifests, rights
from npol.kube.right_groups import right_groups
from tests.live.conftest import permitted, pod_manifest

pytestmark = pytest.mark.live

ROLES = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount")


def test_a_cluster_is_described(connected, namespace):
    pod = pod_manifest(namespace, "box")

    found = preflight(
        connected(), PreflightRequest(namespaces=[namespace], changed=[namespace], pods=[pod])
    )

    assert found.uid
    assert found.version.startswith("v1.")
    assert found.engine.evidence


def test_a_refusal_of_admission_is_quoted_verbatim(connected, namespace):
    pod = pod_manifest(namespace, "box")
    pod["spec"]["containers"][0]["name"] = "Not A Name"

    with pytest.raises(Refused, match="must consist of lower case alphanumeric"):
        preflight(
            connected(), PreflightRequest(namespaces=[namespace], changed=[namespace], pods=[pod])
        )


def test_pod_security_is_met_before_anything_is_made(connected, namespace):
    connection = permitted(connected(), namespace)
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    ref = Ref(NAMESPACES, "", namespace)
    connection.patch(ref, {"metadata": {"labels": enforce}})
    good, bad = pod_manifest(namespace, "box"), pod_manifest(namespace, "box")
    bad["spec"]["containers"][0]["securityContext"] = {}

    try:
        preflight(
            connection, PreflightRequest(namespaces=[namespace], changed=[namespace], pods=[good])
        )
        with pytest.raises(Refused, match='violates PodSecurity "restricted'):
            preflight(
                connection,
                PreflightRequest(namespaces=[namespace], changed=[namespace], pods=[bad]),
            )
    finally:
        connection.patch(ref, {"metadata": {"labels": dict.fromkeys(enforce)}})


@pytest.fixture
def robot(connected, namespace, tmp_path, target):
    """A service account with the printed roles of a mode; connects as it."""
    admin = connected()
    kinds = [admin.resource("rbac.authorization.k8s.io/v1", kind) for kind in ROLES[:4]]
    kinds.append(admin.resource("v1", "ServiceAccount"))
    admin.permit(namespaces=[namespace], kinds=kinds)
    made: list[Ref] = []

    def bound(mode, without=None):
        for obj in manifests(mode, [namespace], account_namespace=namespace):
            place = obj["metadata"].get("namespace", "")
            if obj["kind"] not in ROLES or place not in ("", namespace):
                continue
            if not place:  # cluster-wide names are shared: make them this test's own
                obj["metadata"]["name"] += f"-{namespace}"
                if "roleRef" in obj:
                    obj["roleRef"]["name"] += f"-{namespace}"
            if without and "rules" in obj:
                obj["rules"] = without(obj["rules"])
            made.append(admin.ref_of(admin.create(obj)))
        as_robot = f"system:serviceaccount:{namespace}:npol"
        return connect(
            kubeconfig=_acting_as(admin.settings, as_robot, tmp_path), context="robot", mode=mode
        )

    yield bound
    for ref in reversed(made):
        admin.delete(ref)


def _acting_as(settings, user, directory):
    content = settings.loadable({**settings.user, "as": user})
    content["contexts"][0]["name"] = "robot"
    path = directory / "robot.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    path.chmod(0o600)
    return str(path)


def lacking(connection, namespace):
    """Missing rights here and cluster-wide; in namespaces of others nothing was granted."""
    wanted = rights(connection.mode, [namespace])
    found = denied(connection, [r for r in wanted if r.namespace in ("", namespace)])
    return [f"may not {few}" for few in right_groups(found)]


@pytest.mark.parametrize("mode", Mode)
def test_the_printed_roles_are_enough_for_their_mode(robot, namespace, mode):
    assert lacking(robot(mode), namespace) == []


def test_a_verb_that_is_taken_away_is_named(robot, namespace):
    def without(rules):
        return [
            {**r, "verbs": [v for v in r["verbs"] if v != "create"]}
            if r["resources"] == ["networkpolicies"]
            else r
            for r in rules
        ]

    assert lacking(robot(Mode.APPLY, without), namespace) == [
        f"may not create networkpolicies.networking.k8s.io in namespace {namespace}"
    ]


def test_missing_rights_are_named_by_the_server_too(robot, namespace):
    connection = robot(Mode.READ_ONLY)

    with pytest.raises(Forbidden, match="may not list secrets in namespace"):
        connection.list(connection.resource("v1", "Secret"), namespace)


def test_an_engine_is_detected_without_rights(robot):
    engine = detect(gather(robot(Mode.READ_ONLY)))

    assert any("not allowed to read" in line for line in engine.evidence)


def test_other_policy_kinds_are_found(connected, namespace):
    connection = permitted(connected(), namespace)
    try:
        kind = connection.resource("cilium.io/v2", "CiliumNetworkPolicy")
    except InputError:
        pytest.skip("this cluster serves no CiliumNetworkPolicy")
    connection.permit(namespaces=[namespace], kinds=[kind])
    made = connection.create(
        {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": "other", "namespace": namespace},
            "spec": {"endpointSelector": {"matchLabels": {"app": "nobody"}}, "ingress": [{}]},
        }
    )

    found = foreign_policies(connection, [namespace])
    connection.delete(connection.ref_of(made))

    assert f"CiliumNetworkPolicy {namespace}/other (cilium.io)" in found.found
