"""
The kinds of policy that decide packets: NetworkPolicy, and those beside or before it.

One table for all who look for them: in a cluster, and in manifests.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """One kind, as the API's paths name it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    mirror: bool = False
    """Served from the objects of another group of the table: not read twice from a cluster."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}"

    @property
    def decides(self) -> bool:
        """Whether it decides packets by itself; the others are what policies refer to."""
        return self.kind.endswith("Policy")

    @property
    def evaluated(self) -> bool:
        """Whether predictions know what policies of the kind mean."""
        return self.group in (NETWORK_POLICY.group, POLICY_API, CILIUM, *CALICO_GROUPS)


_CALICO_API = "projectcalico.org"
_CALICO = "crd.projectcalico.org"
CALICO_GROUPS = (_CALICO_API, _CALICO)
"""The group of Calico's API server, and the one in which it keeps the same objects."""
CILIUM = "cilium.io"
ANTREA = "crd.antrea.io"
POLICY_API = "policy.networking.k8s.io"
"""The group of the policies in tiers."""

CILIUM_KINDS = (
    PolicyKind(
        CILIUM, "v2", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", False
    ),
    PolicyKind(CILIUM, "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy"),
)
CIDR_GROUP = PolicyKind(CILIUM, "v2", "ciliumcidrgroups", "CiliumCIDRGroup", False)
"""Addresses that Cilium's policies name: it decides nothing by itself."""

CALICO_KINDS = tuple(
    PolicyKind(group, version, plural, kind, namespaced, mirror)
    for group, version, mirror in ((_CALICO, "v1", False), (_CALICO_API, "v3", True))
    for kind, plural, namespaced in (
        ("GlobalNetworkPolicy", "globalnetworkpolicies", False),
        ("NetworkPolicy", "networkpolicies", True),
        ("Tier", "tiers", False),
        ("GlobalNetworkSet", "globalnetworksets", False),
        ("NetworkSet", "networksets", True),
    )
)
"""Tiers and sets decide nothing by themselves: policies stand in the ones and name the others."""

OTHER_POLICY_KINDS = (
    *CALICO_KINDS,
    *CILIUM_KINDS,
    CIDR_GROUP,
    PolicyKind(ANTREA, "v1beta1", "clusternetworkpolicies", "ClusterNetworkPolicy", False),
    PolicyKind(ANTREA, "v1beta1", "networkpolicies", "NetworkPolicy"),
    PolicyKind(POLICY_API, "v1alpha1", "adminnetworkpolicies", "AdminNetworkPolicy", False),
    PolicyKind(
        POLICY_API, "v1alpha1", "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", False
    ),
    PolicyKind(POLICY_API, "v1alpha2", "clusternetworkpolicies", "ClusterNetworkPolicy", False),
)


NETWORK_POLICY = PolicyKind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
NAMESPACED_KINDS = frozenset(k.kind for k in OTHER_POLICY_KINDS if k.namespaced)


def policy_kind(api_version: str, kind: str) -> PolicyKind | None:
    """The entry for a kind of policy in a version that it is served in; None for all others."""
    group, _, version = api_version.rpartition("/")
    if (group, version, kind) == ("networking.k8s.io", "v1", "NetworkPolicy"):
        return NETWORK_POLICY
    return other_policy_kind(group, kind)


def other_policy_kind(group: str, kind: str) -> PolicyKind | None:
    """The entry of the table for a kind of any version; None for all other kinds."""
    return next((k for k in OTHER_POLICY_KINDS if (k.group, k.kind) == (group, kind)), None)
