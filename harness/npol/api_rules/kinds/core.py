"""Defaults of the small kinds. Source: kubernetes `pkg/apis/*/v1/defaults.go` and strategies."""

from __future__ import annotations

import base64

from npol.api_rules.objects import Obj

RBAC = "rbac.authorization.k8s.io"


def default_namespace(obj: Obj) -> None:
    metadata = obj["metadata"]
    if metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]


def prepare_namespace(obj: Obj) -> None:
    default_namespace(obj)
    finalizers = obj.setdefault("spec", {}).setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    obj["status"] = {"phase": "Active"}


def default_secret(obj: Obj) -> None:
    obj.setdefault("type", "Opaque")
    plain = obj.pop("stringData", None) or {}
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in plain.items()}
    if encoded:
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def default_endpoints(obj: Obj) -> None:
    for subset in obj.get("subsets") or []:
        for port in subset.get("ports") or []:
            port.setdefault("protocol", "TCP")


def default_endpointslice(obj: Obj) -> None:
    for port in obj.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("name", "")


def prepare_clusterrole(obj: Obj) -> None:
    """Rules that are gathered from other roles come later."""
    if "aggregationRule" in obj and not obj.get("rules"):
        obj.pop("rules", None)


def default_binding(obj: Obj) -> None:
    """A RoleBinding or a ClusterRoleBinding."""
    reference = obj.setdefault("roleRef", {})
    reference["apiGroup"] = reference.get("apiGroup") or RBAC
    for subject in obj.get("subjects") or []:
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", RBAC)


def default_priorityclass(obj: Obj) -> None:
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


def default_node(obj: Obj) -> None:
    obj.setdefault("spec", {})
    status = obj.setdefault("status", {})
    status.setdefault("nodeInfo", {})
    status.setdefault("daemonEndpoints", {}).setdefault("kubeletEndpoint", {}).setdefault("Port", 0)
