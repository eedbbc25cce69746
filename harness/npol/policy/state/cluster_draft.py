"""A state of a cluster while objects come and go, in the order in which they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from npol.model.peer_selection import ENDS, unseen_owner
from npol.model.refused_object import RefusedObject
from npol.policy.objects.calico_types import CalicoPolicy, CalicoTier, NetworkSet
from npol.policy.objects.cilium_types import CidrGroup, CiliumPolicy
from npol.policy.objects.entities import (
    Endpoint,
    IngressRule,
    Namespace,
    Node,
    Pod,
    Service,
)
from npol.policy.objects.netpol_types import Policy
from npol.policy.objects.tier_types import TierPolicy
from npol.policy.parse import parse_workloads
from npol.policy.parse.object_source import Source
from npol.policy.parse.parse_calico import (
    TIER_KIND,
)
from npol.policy.parse.parse_tiers import is_tier_policy
from npol.policy.parse.unsupported import OtherPolicy, read_other
from npol.policy.parse.validation_errors import Refusal
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Labels

Key = tuple[str, str]
CLUSTERWIDE_KINDS = (
    "CiliumClusterwideNetworkPolicy",
    "GlobalNetworkPolicy",
    "GlobalNetworkSet",
    TIER_KIND,
)
_Policy = TypeVar("_Policy", TierPolicy, CiliumPolicy, CalicoPolicy)


@dataclass(slots=True, kw_only=True)
class ClusterDraft:
    """A world while it changes; in the order in which objects came."""

    pods: dict[Key, Pod]
    namespaces: dict[str, Namespace]
    services: dict[Key, Service]
    policies: dict[Key, Policy]
    tier_policies: dict[str, TierPolicy]
    cilium_policies: dict[str, CiliumPolicy]
    cidr_groups: dict[str, CidrGroup]
    calico_policies: dict[str, CalicoPolicy]
    calico_tiers: dict[str, CalicoTier]
    network_sets: dict[str, NetworkSet]
    account_labels: dict[Key, Labels]
    refused: dict[tuple[str, str, str], RefusedObject]
    nodes: dict[str, Node]
    endpoints: dict[tuple[str, str, str], tuple[Endpoint, ...]]
    others: dict[str, OtherPolicy]
    ingresses: dict[Key, tuple[IngressRule, ...]]
    configs: dict[Key, tuple[str, ...]]
    before: ClusterState
    owners: dict[Key, str] = field(default_factory=dict)
    """(namespace, ReplicaSet or Job) -> the workload that made it."""
    changed: set[str] = field(default_factory=set)
    """Namespaces in which pods or Services were changed."""
    refused_together: set[tuple[str, str, str]] = field(default_factory=set)
    """What was refused of these objects: one of the same name among them does not take it back."""

    @classmethod
    def of(cls, world: ClusterState) -> ClusterDraft:
        return cls(
            pods={(p.namespace, p.name): p for p in world.pods},
            namespaces=dict(world.namespaces),
            services={(s.namespace, s.name): s for s in world.services},
            policies={(p.namespace, p.name): p for p in world.policies},
            tier_policies={str(p): p for p in world.tier_policies},
            cilium_policies={str(p): p for p in world.cilium_policies},
            cidr_groups=dict(world.cidr_groups),
            calico_policies={str(p): p for p in world.calico_policies},
            calico_tiers=dict(world.calico_tiers),
            network_sets={str(s): s for s in world.network_sets},
            account_labels=dict(world.account_labels),
            refused={(r.namespace, r.name, r.kind): r for r in world.refused},
            nodes={n.name: n for n in world.nodes},
            endpoints={},
            before=world,
            others={str(o): o for o in world.others},
            ingresses=dict(world.ingresses),
            configs=dict(world.configs),
        )

    def world(self) -> ClusterState:
        return ClusterState(
            pods=self._pods_seen_or_promised(),
            namespaces=self.namespaces,
            services=tuple(self.services.values()),
            policies=tuple(self.policies.values()),
            tier_policies=tuple(self.tier_policies.values()),
            cilium_policies=tuple(self.cilium_policies.values()),
            cidr_groups=self.cidr_groups,
            calico_policies=tuple(self.calico_policies.values()),
            calico_tiers=self.calico_tiers,
            network_sets=tuple(self.network_sets.values()),
            account_labels=self.account_labels,
            refused=tuple(self.refused.values()),
            nodes=tuple(self.nodes.values()),
            endpoints={**self.before.endpoints_without(self.changed), **self.endpoints},
            others=tuple(self.others.values()),
            ingresses=self.ingresses,
            configs=self.configs,
        )

    def note(self, source: Source, namespace: str) -> None:
        if source.kind in ENDS:
            self.changed.add(namespace)

    def refuses(self, source: Source, key: Key, refusals: Sequence[Refusal]) -> bool:
        place = place_of(source, key)
        if place not in self.refused_together:
            self.refused.pop(place, None)
        if refusals:
            self.refused_together.add(place)
            namespace, name, kind = place
            self.refused[place] = RefusedObject(
                kind=kind,
                namespace=namespace,
                name=name,
                reasons=tuple(refusals),
                by_agent=all(refusal.by_agent for refusal in refusals),
            )
        return bool(refusals)

    def hold(
        self,
        source: Source,
        key: Key,
        table: dict[str, _Policy],
        policy: _Policy,
        mistakes: Sequence[Refusal],
        *,
        unread: bool = False,
    ) -> None:
        """
        What is refused has no effect; but one that a cluster holds is in force, read or not.

        `unread`: it is taken by the server, and not evaluated.
        """
        other = read_other(source, key[0])
        if unread or (mistakes and source.metadata.get("uid")):
            table.pop(str(policy), None)
            self.others[str(other)] = other
        elif not self.refuses(source, key, mistakes):
            self.others.pop(str(other), None)
            table.pop(str(policy), None)
            table[str(policy)] = policy

    def drop_pods(self, source: Source, namespace: str, *, promised_only: bool) -> None:
        owner = (namespace, parse_workloads.workload_of(source))
        for key, pod in list(self.pods.items()):
            if (pod.namespace, pod.workload) == owner and pod.promised >= promised_only:
                del self.pods[key]

    def drop_namespace(self, name: str) -> None:
        self.namespaces.pop(name, None)
        tables: tuple[dict[Key, Any], ...] = (
            self.pods,
            self.services,
            self.policies,
            self.ingresses,
            self.configs,
            self.account_labels,
        )
        for table in tables:
            for key in [k for k in table if k[0] == name]:
                del table[key]
        kept = {k: p for k, p in self.cilium_policies.items() if p.namespace != name}
        self.cilium_policies = kept
        own = {k: p for k, p in self.calico_policies.items() if p.namespace != name}
        self.calico_policies = own
        self.network_sets = {k: s for k, s in self.network_sets.items() if s.namespace != name}
        self.refused = {k: r for k, r in self.refused.items() if r.namespace != name}

    def _pods_seen_or_promised(self) -> tuple[Pod, ...]:
        """A workload's promised pods go as soon as one of its own is seen that has not ended."""
        pods = [replace(p, workload=self._top(p)) if p.workload else p for p in self.pods.values()]
        seen = {(p.namespace, p.workload) for p in pods if not (p.promised or p.finished)}
        return tuple(p for p in pods if not (p.promised and (p.namespace, p.workload) in seen))

    def _top(self, pod: Pod) -> str:
        """The workload at the top of those that made a pod."""
        owner = self.owners.get((pod.namespace, pod.workload))
        return owner or unseen_owner(pod.workload, pod.labels)


def place_of(source: Source, key: Key) -> tuple[str, str, str]:
    """Namespace, name, kind; what is the cluster's has no namespace."""
    clusterwide = is_tier_policy(source) or source.kind in CLUSTERWIDE_KINDS
    return "" if clusterwide else key[0], key[1], source.kind
