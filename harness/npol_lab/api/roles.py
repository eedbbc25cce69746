"""The ClusterRoles that every cluster has: cluster-admin, admin, edit, view, and discovery."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol_lab.api.users import AUTHENTICATED, MASTERS
from npol_lab.registry import Registry

_RBAC = "rbac.authorization.k8s.io"
READ = ["get", "list", "watch"]
WRITE = ["create", "delete", "deletecollection", "patch", "update"]
VIEWED: dict[str, list[str]] = {
    "": [
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "namespaces",
        "persistentvolumeclaims",
        "pods",
        "pods/log",
        "pods/status",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ],
    "apps": ["daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets"],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "discovery.k8s.io": ["endpointslices"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}
EDITED: dict[str, list[str]] = {
    "": [
        "configmaps",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/exec",
        "secrets",
        "serviceaccounts",
        "services",
    ],
    "apps": VIEWED["apps"],
    "autoscaling": VIEWED["autoscaling"],
    "batch": VIEWED["batch"],
    "coordination.k8s.io": ["leases"],
    "networking.k8s.io": VIEWED["networking.k8s.io"],
    "policy": VIEWED["policy"],
}


def _rules(resources: dict[str, list[str]], verbs: list[str]) -> list[Obj]:
    return [
        {"apiGroups": [group], "resources": found, "verbs": verbs}
        for group, found in resources.items()
    ]


_EVERYTHING = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]
_VIEW = _rules(VIEWED, READ)
_EDIT = [*_VIEW, *_rules(EDITED, [*READ, *WRITE])]
_ADMIN = [*_EDIT, *_rules({_RBAC: ["rolebindings", "roles"]}, [*READ, *WRITE])]
_DISCOVERY = [{"nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*"], "verbs": ["get"]}]
ROLES = {
    "cluster-admin": _EVERYTHING,
    "admin": _ADMIN,
    "edit": _EDIT,
    "view": _VIEW,
    "system:discovery": _DISCOVERY,
}
BINDINGS = {"cluster-admin": MASTERS, "system:discovery": AUTHENTICATED}
"""Roles, and the groups that have them from the start."""


def install_roles(registry: Registry) -> None:
    """Create those that are missing."""
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    for name, rules in ROLES.items():
        if registry.store.get(f"clusterroles.{_RBAC}", None, name) is None:
            role = {"metadata": {"name": name, "labels": labels}, "rules": rules}
            registry.create(f"clusterroles.{_RBAC}", role)
    for name, group in BINDINGS.items():
        if registry.store.get(f"clusterrolebindings.{_RBAC}", None, name) is None:
            binding = {
                "metadata": {"name": name, "labels": labels},
                "roleRef": {"kind": "ClusterRole", "name": name},
                "subjects": [{"kind": "Group", "name": group}],
            }
            registry.create(f"clusterrolebindings.{_RBAC}", binding)
