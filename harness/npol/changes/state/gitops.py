"""Who else takes care of an object: GitOps controllers that would revert a change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARKS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "objectset.rio.cattle.io/id": "Rancher Fleet",
    "configmanagement.gke.io/managed": "Config Sync",
}
"""Labels and annotations that these controllers put on what they own."""
MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "flux": "Flux",
    "flux-operator": "Flux",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "fleetagent": "Rancher Fleet",
    "configsync.gke.io": "Config Sync",
}
"""Field managers, as managedFields names them."""
LEFT_ALONE = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
"""The annotation with which Flux is told to leave an object alone (kustomize-controller#484)."""


def gitops_owner(obj: Mapping[str, Any]) -> str:
    """
    The controller that keeps an object as Git has it, with the sign of it; "" for none.

    `Argo CD (label argocd.argoproj.io/instance=apps)`
    """
    metadata = obj.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if any(annotations.get(key) == value for key, value in LEFT_ALONE.items()):
        return ""
    for what in ("label", "annotation"):
        for key, value in (metadata.get(f"{what}s") or {}).items():
            if key in MARKS:
                return f"{MARKS[key]} ({what} {key}={value})"
    for entry in metadata.get("managedFields") or ():
        manager = str(entry.get("manager", ""))
        if manager in MANAGERS and not entry.get("subresource"):
            return f"{MANAGERS[manager]} (field manager {manager})"
    return ""
