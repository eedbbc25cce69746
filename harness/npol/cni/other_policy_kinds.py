"""Policies of other kinds: they decide packets, too, beside or before NetworkPolicies."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from npol.kube.api_client import Verbs
from npol.kube.api_errors import ApiError, Forbidden
from npol.kube.objects import Resource

CALICO = "crd.projectcalico.org"
API = "policy.networking.k8s.io"
KINDS = (
    Resource(CALICO, "v1", "globalnetworkpolicies", "GlobalNetworkPolicy", False),
    Resource(CALICO, "v1", "networkpolicies", "NetworkPolicy"),
    Resource(
        "cilium.io",
        "v2",
        "ciliumclusterwidenetworkpolicies",
        "CiliumClusterwideNetworkPolicy",
        False,
    ),
    Resource("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy"),
    Resource("crd.antrea.io", "v1beta1", "clusternetworkpolicies", "ClusterNetworkPolicy", False),
    Resource("crd.antrea.io", "v1beta1", "networkpolicies", "NetworkPolicy"),
    Resource(API, "v1alpha1", "adminnetworkpolicies", "AdminNetworkPolicy", False),
    Resource(API, "v1alpha1", "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", False),
    Resource(API, "v1alpha2", "clusternetworkpolicies", "ClusterNetworkPolicy", False),
)
SHADOWS = "knp.default."
"""Calico's own copies of Kubernetes policies, where it keeps its data in etcd or mirrors them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPolicies:
    """What was found, as `Kind namespace/name (API group)`, and what may not be read."""

    found: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def foreign_policies(verbs: Verbs, namespaces: Collection[str]) -> ForeignPolicies:
    """
    The policies of other kinds that may decide flows of these namespaces.

    Cluster-wide ones are all listed: which pods they select is theirs to say.

    Raises:
        ApiError, Unreachable: the API server does not answer, or not as one.
    """
    served = {g["name"] for g in verbs.raw("GET", "/apis").get("groups") or ()}
    found: list[str] = []
    unread: list[str] = []
    for kind in (k for k in KINDS if k.group in served):
        for namespace in sorted(namespaces) if kind.namespaced else ("",):
            try:
                found += _named(verbs, kind, namespace)
            except Forbidden:
                unread.append(f"{kind.qualified}" + (f" in {namespace}" if namespace else ""))
            except ApiError as error:
                if error.status != 404:  # the group without this kind
                    raise
    return ForeignPolicies(found=tuple(found), unread=tuple(unread))


def _named(verbs: Verbs, kind: Resource, namespace: str) -> list[str]:
    listed = [o["metadata"] for o in verbs.list(kind, namespace)]
    return [
        f"{kind.kind} {m['namespace'] + '/' if kind.namespaced else ''}{m['name']} ({kind.group})"
        for m in listed
        if not m["name"].startswith(SHADOWS)
    ]
