"""Debug pods: harmless by their manifest."""

import re

import pytest

from npol.errors import Position
from npol.model.story import Peer
from npol.model.story_settings import PodSettings
from npol.probe.debug_pod_manifest import debug_pod, role_name

LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "name": "npol",
    "uid": "lease-uid",
    "controller": True,
    "blockOwnerDeletion": False,
}


def peer(name="frontend", **values):
    values = {"namespace": "frontend-dev", "labels": {"app": "frontend"}, **values}
    return Peer(name=name, at=Position("story"), **values)


def pod(who=None, settings=None, **options):
    return debug_pod(who or peer(), settings or PodSettings(), run_id="run-1", **options)


def test_a_debug_pod_has_the_labels_of_its_peer():
    labels = pod()["metadata"]["labels"]

    assert labels == {"app": "frontend", "app.kubernetes.io/managed-by": "npol"}


def test_a_label_of_the_peer_is_never_overwritten():
    who = peer(labels={"app.kubernetes.io/managed-by": "Helm"})

    assert pod(who)["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}


def test_the_run_is_an_annotation_because_labels_make_identities():
    made = pod()

    assert made["metadata"]["annotations"]["npol.dev/run"] == "run-1"
    assert "run-1" not in str(made["metadata"]["labels"])


def test_a_debug_pod_is_never_ready_so_that_no_service_selects_it():
    assert pod()["spec"]["readinessGates"] == [{"conditionType": "npol.dev/never"}]


def test_a_debug_pod_has_a_controller_so_that_no_replica_set_adopts_it():
    assert pod(owner=LEASE)["metadata"]["ownerReferences"] == [LEASE]


def test_a_debug_pod_meets_the_restricted_pod_security_standard():
    """kubernetes/pod-security-admission policy/check_*.go, level restricted."""
    spec = pod()["spec"]
    (container,) = spec["containers"]
    security = container["securityContext"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert [set(v) - {"name"} for v in spec["volumes"]] == [{"emptyDir"}]


def test_a_debug_pod_mounts_no_token_and_writes_no_root():
    spec = pod()["spec"]
    (container,) = spec["containers"]

    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert not {"hostname", "subdomain", "serviceAccountName"} & set(spec)


def test_a_debug_pod_ends_at_its_deadline_without_npol():
    spec = pod(deadline=600)["spec"]

    assert spec["activeDeadlineSeconds"] == 600
    assert spec["containers"][0]["command"][-1] == "600"
    assert spec["terminationGracePeriodSeconds"] == 1


@pytest.mark.parametrize(
    ("settings", "requests"),
    [
        pytest.param(PodSettings(), {"cpu": "0", "memory": "0"}, id="nothing-set"),
        pytest.param(PodSettings(limits={"cpu": "1"}), {"cpu": "0"}, id="another-limit"),
        pytest.param(
            PodSettings(requests={"cpu": "20m"}), {"cpu": "20m", "memory": "0"}, id="one-set"
        ),
    ],
)
def test_a_debug_pod_requests_nothing_so_that_a_full_node_takes_the_pod(settings, requests):
    """Left out, a request is as large as the limit (Kubernetes docs, "Resource Management")."""
    (container,) = pod(settings=settings)["spec"]["containers"]

    assert container["resources"] == {"requests": requests, "limits": dict(settings.limits)}


def test_no_mesh_injects_a_sidecar_into_a_debug_pod():
    annotations = pod()["metadata"]["annotations"]

    assert annotations["sidecar.istio.io/inject"] == "false"
    assert annotations["linkerd.io/inject"] == "disabled"


def test_a_debug_pod_passes_its_uid_to_the_prober():
    (variable,) = pod()["spec"]["containers"][0]["env"]

    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.uid"}}


def test_names_differ_before_their_last_dash():
    """The AWS agent tells pods apart by what stands before it."""
    names = [
        debug_pod(peer(name), PodSettings(), run_id=run)["metadata"]["name"]
        for name in ("frontend", "backend")
        for run in ("run-1", "run-2")
    ]

    assert len({name.rpartition("-")[0] for name in names}) == 4
    assert all(re.fullmatch(r"npol-[0-9a-f]{10}-0", name) for name in names)


def test_the_same_role_in_the_same_run_has_the_same_name():
    assert role_name(peer(), "run-1") == role_name(peer(), "run-1")


@pytest.mark.parametrize(
    ("node", "operator", "value"), [("node1", "In", "node1"), ("!node1", "NotIn", "node1")]
)
def test_placement_goes_by_affinity(node, operator, value):
    affinity = pod(node=node)["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    assert term["matchFields"] == [
        {"key": "metadata.name", "operator": operator, "values": [value]}
    ]


def test_host_network_is_asked_for_only_where_the_story_does():
    assert pod(peer(host_network=True))["spec"]["hostNetwork"] is True


def test_settings_are_the_users():
    settings = PodSettings(
        image="registry.test/tools:1",
        pull_secrets=("regcred",),
        requests={"cpu": "1m"},
        limits={"memory": "1Gi"},
        tolerations=({"key": "dedicated", "operator": "Exists"},),
        annotations={"policy.test/exempt": "yes", "npol.dev/run": "forged"},
    )
    made = pod(settings=settings)
    (container,) = made["spec"]["containers"]

    assert container["image"] == "registry.test/tools:1"
    assert container["resources"]["requests"]["cpu"] == "1m"
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    assert made["spec"]["imagePullSecrets"] == [{"name": "regcred"}]
    assert made["spec"]["tolerations"] == [{"key": "dedicated", "operator": "Exists"}]
    assert made["metadata"]["annotations"]["policy.test/exempt"] == "yes"
    assert made["metadata"]["annotations"]["npol.dev/run"] == "run-1"


def test_a_peers_own_image_wins():
    assert pod(peer(image="mine:1"))["spec"]["containers"][0]["image"] == "mine:1"


def test_an_image_by_digest_is_asked_for_to_the_letter():
    by_digest = f"registry.test/tools@sha256:{'a' * 64}"
    assert pod(peer(image=by_digest))["spec"]["containers"][0]["image"] == by_digest


def test_a_debug_deployment_selects_only_its_own_pods():
    made = pod(settings=PodSettings(as_deployment=True), owner=LEASE)
    template = made["spec"]["template"]
    selector = made["spec"]["selector"]["matchLabels"]

    assert (made["kind"], made["spec"]["replicas"]) == ("Deployment", 1)
    assert selector == {"npol.dev/peer": made["metadata"]["name"]}
    assert selector.items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["labels"]["app"] == "frontend"
    assert made["metadata"]["ownerReferences"] == [LEASE]
    assert "activeDeadlineSeconds" not in template["spec"]


@pytest.mark.parametrize(
    ("user", "context"),
    [
        ("", {"runAsUser": 65532, "runAsGroup": 65532}),
        (1000, {"runAsUser": 1000, "runAsGroup": 1000}),
        ("platform", {}),
    ],
)
def test_the_uid_is_npols_the_users_or_the_platforms(user, context):
    found = pod(settings=PodSettings(user=user))["spec"]["securityContext"]

    assert {k: v for k, v in found.items() if k in ("runAsUser", "runAsGroup")} == context
    assert found["runAsNonRoot"] is True


@pytest.mark.parametrize(("node", "kept_off"), [("", True), ("!node-1", True), ("vk-1", False)])
def test_virtual_nodes_are_for_who_names_one(node, kept_off):
    affinity = pod(node=node)["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    not_virtual = {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}
    assert (not_virtual in term.get("matchExpressions", [])) is kept_off


def test_windows_and_tainted_nodes_are_not_for_debug_pods():
    spec = pod()["spec"]

    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert "tolerations" not in spec
