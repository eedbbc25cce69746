"""Worlds out of objects, and new worlds out of old ones: apply, delete, label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from npol.model.peer_selection import WORKLOADS, unseen_owner
from npol.model.refused_object import RefusedObject
from npol.policy.objects.calico_types import CalicoPolicy, CalicoTier, NetworkSet
from npol.policy.objects.cilium_types import CidrGroup, CiliumPolicy
from npol.policy.objects.entities import (
    NAME_LABEL,
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
from npol.policy.parse.object_source import Given, Source, sources
from npol.policy.parse.parse_calico import (
    POLICY_KINDS,
    TIER_KIND,
    is_calico,
    parse_calico_policy,
    read_network_set,
    read_tier,
)
from npol.policy.parse.parse_cilium import (
    ParsedCiliumPolicy,
    is_cidr_group,
    is_cilium_policy,
    parse_cilium_policy,
    read_cidr_group,
)
from npol.policy.parse.parse_policies import ParsedPolicy, is_policy, parse_policy
from npol.policy.parse.parse_tiers import ParsedTierPolicy, is_tier_policy, parse_tier_policy
from npol.policy.parse.server_review import is_misnamed_policy, reviewed
from npol.policy.parse.unsupported import OtherPolicy, is_other, read_other
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


def build(given: Iterable[Given], *, default_namespace: str = "default") -> ClusterState:
    """
    The world that manifests or API objects describe; kinds without meaning here are left out.

    Workloads stand for the pods of their templates, unless such pods are among the objects.
    """
    return apply(ClusterState(), given, default_namespace=default_namespace)


def apply(
    world: ClusterState, given: Iterable[Given], *, default_namespace: str = "default"
) -> ClusterState:
    """The world after these objects were applied; an object of the same name is replaced."""
    draft = _Draft.of(world)
    for source in sources(given):
        draft.apply(source, default_namespace)
    return draft.world()


def delete(
    world: ClusterState, given: Iterable[Given], *, default_namespace: str = "default"
) -> ClusterState:
    """The world after the objects of these kinds and names were deleted."""
    draft = _Draft.of(world)
    for source in sources(given):
        draft.delete(source, source.namespace(default_namespace))
    return draft.world()


def label(
    world: ClusterState, *, kind: str, name: str, namespace: str, labels: Mapping[str, str | None]
) -> ClusterState:
    """The world after labels were set on (None: taken from) a `pod` or a `namespace`."""
    draft = _Draft.of(world)
    if kind.lower() == "namespace":
        old = world.namespace(name)
        new = {**_relabelled(old.labels, labels), NAME_LABEL: name}
        draft.namespaces[name] = replace(old, labels=new)
    elif pod := draft.pods.get((namespace, name)):
        draft.pods[namespace, name] = replace(pod, labels=_relabelled(pod.labels, labels))
        draft.changed.add(namespace)
    return draft.world()


def _relabelled(old: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    merged: dict[str, Any] = {**old, **change}
    return {key: value for key, value in merged.items() if value is not None}


@dataclass(slots=True, kw_only=True)
class _Draft:
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
    def of(cls, world: ClusterState) -> _Draft:
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

    def apply(self, source: Source, default: str) -> None:
        key = (source.namespace(default), source.name)
        self._note(source, key[0])
        if is_misnamed_policy(source):
            self._refuses(source, key, reviewed(source)[1])
        elif is_policy(source):
            self._apply_policy(source, key, parse_policy(source, default_namespace=default))
        elif is_tier_policy(source):
            self._apply_tier_policy(source, parse_tier_policy(source))
        elif is_cilium_policy(source):
            self._apply_cilium(source, key, parse_cilium_policy(source, default_namespace=default))
        elif is_cidr_group(source):
            self.cidr_groups[source.name] = read_cidr_group(source)
        elif is_calico(source):
            self._apply_calico(source, key, default)
        elif is_other(source):
            other = read_other(source, default)
            self.others[str(other)] = other
        elif source.kind in WORKLOADS:
            self._apply_workload(source, default)
        elif not source.group:
            self._apply_core(source, key, default)
        elif source.kind == "Ingress":
            self.ingresses[key] = parse_workloads.ingress_rules(source, default)
        elif source.kind == "EndpointSlice":
            labels = source.metadata.get("labels") or {}
            service = str(labels.get("kubernetes.io/service-name") or "")
            self.endpoints[key[0], service, source.name] = parse_workloads.endpoints(source)

    def delete(self, source: Source, namespace: str) -> None:
        key = (namespace, source.name)
        self._note(source, namespace)
        self.refused.pop(_place(source, key), None)
        if is_policy(source):
            self.policies.pop(key, None)
        elif is_tier_policy(source):
            self.tier_policies.pop(str(parse_tier_policy(source).policy), None)
        elif is_cilium_policy(source):
            policy = parse_cilium_policy(source, default_namespace=namespace).policy
            self.cilium_policies.pop(str(policy), None)
        elif is_cidr_group(source):
            self.cidr_groups.pop(source.name, None)
        elif is_calico(source):
            self._delete_calico(source, namespace)
        elif is_other(source):
            self.others.pop(str(read_other(source, namespace)), None)
        elif source.kind in WORKLOADS:
            self._drop_pods(source, namespace, promised_only=False)
        elif source.kind == "Pod":
            self.pods.pop(key, None)
        elif source.kind == "ServiceAccount":
            self.account_labels.pop(key, None)
        elif source.kind == "Service":
            self.services.pop(key, None)
        elif source.kind == "Ingress":
            self.ingresses.pop(key, None)
        elif source.kind == "ConfigMap":
            self.configs.pop(key, None)
        elif source.kind == "Namespace":
            self._drop_namespace(source.name)

    def _note(self, source: Source, namespace: str) -> None:
        if source.kind in (*WORKLOADS, "Pod", "Service"):
            self.changed.add(namespace)

    def _apply_policy(self, source: Source, key: Key, reading: ParsedPolicy) -> None:
        """What is refused leaves one that was applied before as it is."""
        if not self._refuses(source, key, reading.mistakes):
            self.policies.pop(key, None)
            self.policies[key] = reading.policy

    def _refuses(self, source: Source, key: Key, refusals: Sequence[Refusal]) -> bool:
        place = _place(source, key)
        if place not in self.refused_together:
            self.refused.pop(place, None)
        if refusals:
            self.refused_together.add(place)
            namespace, name, kind = place
            self.refused[place] = RefusedObject(
                kind=kind, namespace=namespace, name=name, reasons=tuple(refusals)
            )
        return bool(refusals)

    def _apply_tier_policy(self, source: Source, reading: ParsedTierPolicy) -> None:
        """One that a cluster holds is in force, whatever is read of it."""
        if reading.mistakes and source.metadata.get("uid"):
            other = read_other(source, "")
            self.others[str(other)] = other
        elif not self._refuses(source, ("", source.name), reading.mistakes):
            name = str(reading.policy)
            self.tier_policies.pop(name, None)
            self.tier_policies[name] = reading.policy

    def _apply_cilium(self, source: Source, key: Key, reading: ParsedCiliumPolicy) -> None:
        """As for policies in tiers."""
        if reading.mistakes and source.metadata.get("uid"):
            other = read_other(source, key[0])
            self.others[str(other)] = other
        elif not self._refuses(source, key, reading.mistakes):
            name = str(reading.policy)
            self.cilium_policies.pop(name, None)
            self.cilium_policies[name] = reading.policy

    def _apply_calico(self, source: Source, key: Key, default: str) -> None:
        """As for policies in tiers; what acts on hosts is held, and not evaluated."""
        if source.kind not in (*POLICY_KINDS, TIER_KIND):
            found, mistakes = read_network_set(source, default_namespace=default)
            if not self._refuses(source, key, mistakes):
                self.network_sets[str(found)] = found
            return
        if source.kind == TIER_KIND:
            tier, refusals = read_tier(source)
            if not self._refuses(source, key, refusals):
                self.calico_tiers[tier.name] = tier
            return
        reading = parse_calico_policy(source, default_namespace=default)
        name, other = str(reading.policy), read_other(source, default)
        held = source.metadata.get("uid") if reading.mistakes else reading.on_hosts
        if held:
            self.calico_policies.pop(name, None)
            self.others[str(other)] = other
        elif not self._refuses(source, key, reading.mistakes):
            self.others.pop(str(other), None)
            self.calico_policies.pop(name, None)
            self.calico_policies[name] = reading.policy

    def _delete_calico(self, source: Source, default: str) -> None:
        if source.kind == TIER_KIND:
            self.calico_tiers.pop(source.name, None)
        elif source.kind in POLICY_KINDS:
            policy = parse_calico_policy(source, default_namespace=default).policy
            self.calico_policies.pop(str(policy), None)
            self.others.pop(str(read_other(source, default)), None)
        else:
            found, _ = read_network_set(source, default_namespace=default)
            self.network_sets.pop(str(found), None)

    def _apply_core(self, source: Source, key: Key, default: str) -> None:
        if source.kind == "Pod":
            self.pods[key] = parse_workloads.pod(source, default)
        elif source.kind == "Service":
            self.services[key] = parse_workloads.service(source, default)
        elif source.kind == "Namespace":
            self.namespaces[source.name] = parse_workloads.namespace(source)
        elif source.kind == "ConfigMap":
            self.configs[key] = parse_workloads.config_texts(source)
        elif source.kind == "ServiceAccount":
            self.account_labels[key] = parse_workloads.labels(source)
        elif source.kind == "Node":
            self.nodes[source.name] = parse_workloads.node(source)

    def _apply_workload(self, source: Source, default: str) -> None:
        own, owner = parse_workloads.workload_of(source), parse_workloads.owner_of(source)
        self.owners[source.namespace(default), own] = owner or own
        if owner:
            return  # which speaks for it
        self._drop_pods(source, source.namespace(default), promised_only=True)
        for pod in parse_workloads.pods_of(source, default):
            self.pods.setdefault((pod.namespace, pod.name), pod)

    def _drop_pods(self, source: Source, namespace: str, *, promised_only: bool) -> None:
        owner = (namespace, parse_workloads.workload_of(source))
        for key, pod in list(self.pods.items()):
            if (pod.namespace, pod.workload) == owner and pod.promised >= promised_only:
                del self.pods[key]

    def _drop_namespace(self, name: str) -> None:
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
        """A workload's promised pods go as soon as a real one of it is seen."""
        pods = [replace(p, workload=self._top(p)) if p.workload else p for p in self.pods.values()]
        seen = {(p.namespace, p.workload) for p in pods if not p.promised}
        return tuple(p for p in pods if not (p.promised and (p.namespace, p.workload) in seen))

    def _top(self, pod: Pod) -> str:
        """The workload at the top of those that made a pod."""
        owner = self.owners.get((pod.namespace, pod.workload))
        return owner or unseen_owner(pod.workload, pod.labels)


def _place(source: Source, key: Key) -> tuple[str, str, str]:
    """Namespace, name, kind; what is the cluster's has no namespace."""
    clusterwide = is_tier_policy(source) or source.kind in CLUSTERWIDE_KINDS
    return "" if clusterwide else key[0], key[1], source.kind
