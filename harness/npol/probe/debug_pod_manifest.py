"""
Manifests of debug pods. Pure.

A debug pod has the labels of the pod it stands for, because policies select by labels; so do
Services, ReplicaSets and autoscalers. A readiness gate that nobody fulfils keeps it out of
Services, a controller owner keeps ReplicaSets from adopting it (Kubernetes docs, "ReplicaSet",
"Non-Template Pod acquisitions"). It meets the pod security level `restricted`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from npol.model.story import Peer
from npol.model.story_settings import PodSettings
from npol.probe.fresh_program import COMMAND, FreshProgram

Obj = dict[str, Any]

CONTAINER = "npol"
GATE = "npol.dev/never"
RUN = "npol.dev/run"
PEER = "npol.dev/peer"
MANAGED_BY = {"app.kubernetes.io/managed-by": "npol"}
"""Constant: run ids in labels would make new identities in Cilium."""
USER = 65532
PLATFORM = "platform"
"""As `user`: none is written."""
DEADLINE = 3600
VIRTUAL = {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}
"""Nodes that are none: their pods have another network, and no policies."""
ELSEWHERE = "!"
"""Before a node's name: any node but this one."""
SLEEP = 'trap "exit 0" TERM INT; sleep "$0" & wait'
"""As process 1: takes in orphans, ends at once when told to, and by itself in the end."""

NO_MESH = {
    "sidecar.istio.io/inject": "false",
    "istio.io/dataplane-mode": "none",
    "linkerd.io/inject": "disabled",
    "consul.hashicorp.com/connect-inject": "false",
    "kuma.io/sidecar-injection": "disabled",
}
"""A sidecar answers for the network: with one, `nc` finds every port open (istio#36540)."""


def role_name(peer: Peer, run_id: str, turn: int = 0) -> str:
    """
    `npol-3f9a2b1c7d`: AWS tells pods apart by their name up to the last dash.

    `turn`: which of a fresh peer's pods it is.
    """
    role = f"{run_id}/{peer.namespace}/{peer.name}" + (f"/{turn}" if turn else "")
    return f"npol-{hashlib.sha256(role.encode()).hexdigest()[:10]}"


def debug_pod(
    peer: Peer,
    settings: PodSettings,
    *,
    run_id: str,
    owner: Mapping[str, Any] | None = None,
    node: str = "",
    deadline: int = DEADLINE,
    program: FreshProgram | None = None,
    turn: int = 0,
) -> Obj:
    """
    The manifest of a peer's debug pod, or of the Deployment that makes it.

    Args:
        owner: the owner reference of the run's Lease in the peer's namespace.
        node: the node to run on; `!NAME` for any other than that one.
        deadline: seconds after which it ends by itself.
        program: what it does from its first instant on, if it is to be fresh.
        turn: which of its peer's fresh pods it is.
    """
    name = role_name(peer, run_id, turn)
    template = _template(peer, settings, run_id=run_id, node=node, deadline=deadline)
    if program:
        _run_at_once(template["spec"], program, deadline)
    own = {"namespace": peer.namespace, **_owned(owner)}
    if not settings.as_deployment:
        metadata = {**template["metadata"], **own, "name": f"{name}-0"}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    return _deployment(name, template, own)


def _run_at_once(spec: Obj, program: FreshProgram, deadline: int) -> None:
    (container,) = spec["containers"]
    container["command"] = ["sh", "-c", COMMAND, str(deadline), *program.arguments]
    if program.privileged:
        spec["securityContext"]["sysctls"] = [
            {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
        ]


def _owned(owner: Mapping[str, Any] | None) -> Obj:
    return {"ownerReferences": [dict(owner)]} if owner else {}


def _deployment(name: str, template: Obj, own: Obj) -> Obj:
    """The AWS agent ignores bare pods. A Deployment's pods may not set a deadline."""
    annotations = template["metadata"]["annotations"]
    labels = {**template["metadata"]["labels"], PEER: name}
    metadata = {"labels": labels, "annotations": annotations}
    spec = {k: v for k, v in template["spec"].items() if k != "activeDeadlineSeconds"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            **own,
            "name": name,
            "labels": MANAGED_BY,
            "annotations": metadata["annotations"],
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {PEER: name}},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": metadata, "spec": {**spec, "restartPolicy": "Always"}},
        },
    }


def _template(peer: Peer, settings: PodSettings, *, run_id: str, node: str, deadline: int) -> Obj:
    annotations = {
        **NO_MESH,
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
        **settings.annotations,
        RUN: run_id,
        PEER: peer.name,
    }
    spec: Obj = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": deadline,
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "readinessGates": [{"conditionType": GATE}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "securityContext": {
            "runAsNonRoot": True,
            **_user(settings),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [_container(peer, settings, deadline)],
        **_placed(node),
    }
    if peer.host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    if settings.tolerations:
        spec["tolerations"] = [dict(t) for t in settings.tolerations]
    if settings.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.pull_secrets]
    labels = {**MANAGED_BY, **peer.labels}
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}


def _user(settings: PodSettings) -> Obj:
    if settings.user == PLATFORM:
        return {}
    return dict.fromkeys(("runAsUser", "runAsGroup"), settings.user or USER)


def _container(peer: Peer, settings: PodSettings, deadline: int) -> Obj:
    return {
        "name": CONTAINER,
        "image": peer.image or settings.image,
        "command": ["sh", "-c", SLEEP, str(deadline)],
        "workingDir": "/tmp",
        "env": [
            {
                "name": "NPOL_POD_UID",
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}},
            }
        ],
        "resources": _resources(settings),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }


def _resources(settings: PodSettings) -> Obj:
    """
    Nothing is requested, unless the settings do: a node that is full takes the pod, and no pod
    of a lower priority has to go for it. It is written down, because a request that is left out
    becomes as large as its limit, and a quota counts only what is written.
    """
    nothing = dict.fromkeys(settings.limits, "0")
    return {"requests": nothing | dict(settings.requests), "limits": dict(settings.limits)}


def _placed(node: str) -> Obj:
    """
    By affinity: the scheduler still looks at taints and room.

    A virtual node is meant only by its name.
    """
    if not node:
        return _required({"matchExpressions": [VIRTUAL]})
    operator = "NotIn" if node.startswith(ELSEWHERE) else "In"
    field = {
        "key": "metadata.name",
        "operator": operator,
        "values": [node.removeprefix(ELSEWHERE)],
    }
    elsewhere = {"matchExpressions": [VIRTUAL]} if node.startswith(ELSEWHERE) else {}
    return _required({"matchFields": [field], **elsewhere})


def _required(term: Obj) -> Obj:
    """Only nodes that meet this term."""
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}
