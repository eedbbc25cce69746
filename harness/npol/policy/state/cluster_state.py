"""Everything that decides a flow, at one moment. `apply_changes` makes the next one."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from npol.model.policy_kinds import CILIUM
from npol.model.refused_object import RefusedObject
from npol.policy.objects import calico_labels, cilium_labels
from npol.policy.objects.calico_selectors import CalicoSelector
from npol.policy.objects.calico_types import (
    BUILT_IN_TIERS,
    CalicoPolicy,
    CalicoTier,
    NetworkSet,
)
from npol.policy.objects.cilium_types import CidrGroup, CiliumPolicy
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import (
    NAME_LABEL,
    Endpoint,
    IngressRule,
    Namespace,
    Node,
    Pod,
    Service,
)
from npol.policy.objects.netpol_types import Address, Direction, Network, Policy
from npol.policy.objects.tier_types import TierPolicy
from npol.policy.parse.unsupported import OtherPolicy
from npol.selectors import Labels, Selector, matches, spell

CLUSTER_DOMAIN = "cluster.local"
"""The domain of a cluster's own names, where it was not given another one."""
NEAR = {4: 16, 6: 112}
"""Prefix lengths, by family, that Service networks of clusters rarely stay below."""

EvaluatedPolicy = Policy | TierPolicy | CiliumPolicy | CalicoPolicy
EndpointSlices = Mapping[tuple[str, str, str], tuple[Endpoint, ...]]
"""(namespace, Service, slice) -> addresses."""


@dataclass(frozen=True, kw_only=True)
class ClusterState:
    """A cluster as far as policies are concerned. Frozen: changes make a new one."""

    pods: tuple[Pod, ...] = ()
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    policies: tuple[Policy, ...] = ()
    nodes: tuple[Node, ...] = ()
    endpoints: EndpointSlices = field(default_factory=dict)
    tier_policies: tuple[TierPolicy, ...] = ()
    """Policies of the tiers before and behind that of NetworkPolicies."""
    cilium_policies: tuple[CiliumPolicy, ...] = ()
    """Policies of Cilium's own kinds: they act where a dialect reads them (`as_read`)."""
    cidr_groups: Mapping[str, CidrGroup] = field(default_factory=dict)
    calico_policies: tuple[CalicoPolicy, ...] = ()
    """Policies of Calico's own kinds: they act where a dialect reads them."""
    calico_tiers: Mapping[str, CalicoTier] = field(default_factory=dict)
    """Those beside the ones that are always there."""
    network_sets: tuple[NetworkSet, ...] = ()
    account_labels: Mapping[tuple[str, str], Labels] = field(default_factory=dict)
    """(namespace, service account) -> its labels, of those that were seen."""
    others: tuple[OtherPolicy, ...] = ()
    ingresses: Mapping[tuple[str, str], tuple[IngressRule, ...]] = field(default_factory=dict)
    configs: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """ConfigMaps: their texts."""
    domain: str = CLUSTER_DOMAIN
    """Of its own names: `SERVICE.NAMESPACE.svc.DOMAIN`."""
    refused: tuple[RefusedObject, ...] = ()
    """What the API server would refuse of the files: it has no effect."""

    @property
    def every_policy(self) -> tuple[EvaluatedPolicy, ...]:
        """Those that are evaluated, of whatever kind and tier."""
        return (
            *self.policies,
            *self.tier_policies,
            *self.cilium_policies,
            *self.calico_policies,
        )

    @property
    def ingress_rules(self) -> tuple[IngressRule, ...]:
        return tuple(rule for rules in self.ingresses.values() for rule in rules)

    def texts_of(self, pod: Pod) -> tuple[str, ...]:
        """The configuration that a pod mounts."""
        found = (self.configs.get((pod.namespace, name), ()) for name in pod.configs)
        return tuple(text for texts in found for text in texts)

    def namespace(self, name: str) -> Namespace:
        """A namespace that no object declares is known by its name only."""
        known = self.namespaces.get(name)
        return known or Namespace(name=name, labels={NAME_LABEL: name}, declared=False)

    @cached_property
    def all_namespaces(self) -> tuple[Namespace, ...]:
        """Every namespace that is declared, or that holds a pod or a policy."""
        inside = {p.namespace for p in self.pods} | {p.namespace for p in self.policies}
        unseen = sorted(inside - self.namespaces.keys())
        return (*self.namespaces.values(), *(self.namespace(name) for name in unseen))

    @property
    def namespace_labels(self) -> Mapping[str, Labels]:
        return {namespace.name: namespace.labels for namespace in self.all_namespaces}

    def pod(self, namespace: str, name: str) -> Pod | None:
        return self._pods_by_key.get((namespace, name))

    def service(self, namespace: str, name: str) -> Service | None:
        return self._services_by_key.get((namespace, name))

    def pod_with_uid(self, uid: str) -> Pod | None:
        return self._pods_by_uid.get(uid)

    def endpoints_of(self, namespace: str, service: str) -> tuple[Endpoint, ...]:
        """What the EndpointSlices of a Service list, ready or not."""
        return self._endpoints_by_service.get((namespace, service), ())

    def services_of(self, pod: Pod) -> tuple[Service, ...]:
        """The Services that select a pod."""
        return tuple(
            service
            for service in self._services_by_namespace.get(pod.namespace, ())
            if service.selector and service.selector.items() <= pod.labels.items()
        )

    def policy(self, namespace: str, name: str) -> Policy | None:
        wanted = self.policies_in(namespace)
        return next((p for p in wanted if p.name == name), None)

    def policies_in(self, namespace: str) -> tuple[Policy, ...]:
        return self._policies_by_namespace.get(namespace, ())

    def pods_in(self, namespace: str) -> tuple[Pod, ...]:
        return self._pods_by_namespace.get(namespace, ())

    def select(self, namespace: str, selector: Selector) -> tuple[Pod, ...]:
        """The pods of a namespace that a selector selects, but for finished ones."""
        key = (namespace, spell(selector))
        if key not in self._selected:
            self._selected[key] = tuple(
                pod
                for pod in self.pods_in(namespace)
                if not pod.finished and matches(selector, pod.labels)
            )
        return self._selected[key]

    def select_namespaces(self, selector: Selector) -> tuple[Namespace, ...]:
        key = spell(selector)
        if key not in self._selected_namespaces:
            self._selected_namespaces[key] = tuple(
                n for n in self.all_namespaces if matches(selector, n.labels)
            )
        return self._selected_namespaces[key]

    def isolating(self, pod: Pod, direction: Direction) -> tuple[Policy, ...]:
        """The policies that isolate a pod in a direction; none: everything is allowed."""
        return tuple(
            policy
            for policy in self.policies_in(pod.namespace)
            if direction in policy.directions and matches(policy.selector, pod.labels)
        )

    def cilium_policies_in(self, namespace: str) -> tuple[CiliumPolicy, ...]:
        """Those that may act on pods of a namespace: its own, and those of the whole cluster."""
        return tuple(
            policy
            for where in {"", namespace}
            for policy in self._cilium_by_namespace.get(where, ())
        )

    def identity_of(self, pod: Pod) -> Labels:
        """The labels that Cilium's policies know a pod by."""
        if (known := self._identities.get(str(pod))) is None:
            known = cilium_labels.of_pod(pod, self.namespace(pod.namespace))
            self._identities[str(pod)] = known
        return known

    @cached_property
    def calico_tiers_in_order(self) -> tuple[CalicoTier, ...]:
        known = {tier.name: tier for tier in BUILT_IN_TIERS} | dict(self.calico_tiers)
        return tuple(sorted(known.values(), key=lambda tier: tier.place))

    def calico_policies_in(self, namespace: str) -> tuple[CalicoPolicy, ...]:
        """Those that may act on pods of a namespace: its own, and those of the whole cluster."""
        return tuple(
            policy
            for where in {"", namespace}
            for policy in self._calico_by_namespace.get(where, ())
        )

    def calico_labels_of(self, pod: Pod) -> Labels:
        """The labels that Calico's selectors know a pod by."""
        if (known := self._endpoints_labels.get(str(pod))) is None:
            account = self.account_labels.get((pod.namespace, calico_labels.account_of(pod)))
            known = calico_labels.of_pod(pod, self.namespace(pod.namespace), account)
            self._endpoints_labels[str(pod)] = known
        return known

    def knows_account_of(self, pod: Pod) -> bool:
        """Whether the labels of its service account are known; `default` has none by itself."""
        name = calico_labels.account_of(pod)
        return name == "default" or (pod.namespace, name) in self.account_labels

    def networks_of(self, selector: CalicoSelector) -> tuple[Network, ...]:
        """The networks of the network sets that a selector of Calico's means."""
        if not self.network_sets:
            return ()
        key = str(selector)
        if key not in self._networks_by_selector:
            self._networks_by_selector[key] = tuple(
                network
                for one, labels in self._labels_of_sets
                if selector.selects(labels)
                for network in one.networks
            )
        return self._networks_by_selector[key]

    def others_for(self, pod: Pod) -> tuple[OtherPolicy, ...]:
        """Policies of other kinds that may select a pod."""
        namespace = self.namespace(pod.namespace)
        return tuple(o for o in self.others if o.may_select(pod, namespace))

    def owner(self, address: Address) -> Pod | Node | None:
        """The pod or node behind an address; host-network pods count as their node."""
        return self._owners.get(address)

    def service_at(self, address: Address) -> Service | None:
        """The Service that answers at a ClusterIP."""
        return self._services_by_address.get(address)

    def looks_like_a_service(self, address: Address) -> bool:
        """
        Whether an address that nobody here has lies beside ClusterIPs that are known.

        Clusters give Services a network of their own; how large it is, manifests do not say.
        """
        near = ipaddress.ip_network((address, NEAR[address.version]), strict=False)
        return any(known in near for known in self._services_by_address)

    def without_policies(self, names: Iterable[str]) -> ClusterState:
        """The world without the policies `namespace/name`, or `KIND NAME` for those in tiers."""
        gone = set(names)
        return replace(
            self,
            policies=tuple(p for p in self.policies if str(p) not in gone),
            tier_policies=tuple(p for p in self.tier_policies if str(p) not in gone),
            cilium_policies=tuple(p for p in self.cilium_policies if str(p) not in gone),
            calico_policies=tuple(p for p in self.calico_policies if str(p) not in gone),
        )

    def as_read(self, dialect: Dialect) -> ClusterState:
        """The world with the directions in force, and the kinds read, that are for an engine."""
        world = self._by_its_rules if dialect.rules_outrank_types else self
        world = world if dialect.reads_cilium_kinds else world.without_cilium
        return world if dialect.reads_calico_kinds else world.without_calico

    @cached_property
    def without_cilium(self) -> ClusterState:
        """The world where Cilium's own policies are there, and not evaluated."""
        if not self.cilium_policies:
            return self
        unread = (
            OtherPolicy(kind=p.kind, group=CILIUM, name=p.name, namespace=p.namespace)
            for p in self.cilium_policies
        )
        return replace(self, cilium_policies=(), others=(*self.others, *unread))

    @cached_property
    def without_calico(self) -> ClusterState:
        """The world where Calico's own policies are there, and not evaluated."""
        if not self.calico_policies:
            return self
        unread = (
            OtherPolicy(
                kind=p.kind.removeprefix("Calico"),
                group=p.group,
                name=p.name,
                namespace=p.namespace,
            )
            for p in self.calico_policies
        )
        return replace(self, calico_policies=(), others=(*self.others, *unread))

    @cached_property
    def _by_its_rules(self) -> ClusterState:
        """The world where a rule puts its direction in force, whatever `policyTypes` says."""
        policies = tuple(p.by_its_rules for p in self.policies)
        return self if policies == self.policies else replace(self, policies=policies)

    def with_pods(self, pods: Iterable[Pod]) -> ClusterState:
        """The world with these pods, too; a pod of the same name is replaced."""
        new = {(p.namespace, p.name): p for p in pods}
        endpoints = self.endpoints_without({namespace for namespace, _ in new})
        return replace(self, pods=tuple({**self._pods_by_key, **new}.values()), endpoints=endpoints)

    def endpoints_without(self, changed: Collection[str]) -> EndpointSlices:
        """
        The EndpointSlices that still hold after pods or Services of some namespaces changed.

        What a controller wrote for a selector it will write anew; what was written by hand stays.
        """
        return {
            key: listed
            for key, listed in self.endpoints.items()
            if key[0] not in changed
            or ((service := self.service(*key[:2])) and service.selector is None)
        }

    def with_services(self, services: Iterable[Service]) -> ClusterState:
        return replace(self, services=(*self.services, *services))

    def with_policies(self, policies: Iterable[Policy]) -> ClusterState:
        """The world with these policies, too; a policy of the same name is replaced."""
        merged = {str(p): p for p in (*self.policies, *policies)}
        return replace(self, policies=tuple(merged.values()))

    @cached_property
    def _selected(self) -> dict[tuple[str, str], tuple[Pod, ...]]:
        """Answers of `select` so far: many clauses say the same."""
        return {}

    @cached_property
    def _selected_namespaces(self) -> dict[str, tuple[Namespace, ...]]:
        return {}

    @cached_property
    def _pods_by_key(self) -> dict[tuple[str, str], Pod]:
        return {(p.namespace, p.name): p for p in self.pods}

    @cached_property
    def _pods_by_uid(self) -> dict[str, Pod]:
        return {p.uid: p for p in self.pods if p.uid}

    @cached_property
    def _endpoints_by_service(self) -> dict[tuple[str, str], tuple[Endpoint, ...]]:
        found: dict[tuple[str, str], tuple[Endpoint, ...]] = {}
        for (namespace, service, _), listed in self.endpoints.items():
            found[namespace, service] = (*found.get((namespace, service), ()), *listed)
        return found

    @cached_property
    def _pods_by_namespace(self) -> dict[str, tuple[Pod, ...]]:
        return _by_namespace(self.pods)

    @cached_property
    def _services_by_key(self) -> dict[tuple[str, str], Service]:
        return {(s.namespace, s.name): s for s in self.services}

    @cached_property
    def _services_by_address(self) -> dict[Address, Service]:
        return {address: service for service in self.services for address in service.every_address}

    @cached_property
    def _services_by_namespace(self) -> dict[str, tuple[Service, ...]]:
        return _by_namespace(self.services)

    @cached_property
    def _policies_by_namespace(self) -> dict[str, tuple[Policy, ...]]:
        return _by_namespace(self.policies)

    @cached_property
    def _cilium_by_namespace(self) -> dict[str, tuple[CiliumPolicy, ...]]:
        return _by_namespace(self.cilium_policies)

    @cached_property
    def _calico_by_namespace(self) -> dict[str, tuple[CalicoPolicy, ...]]:
        return _by_namespace(self.calico_policies)

    @cached_property
    def _endpoints_labels(self) -> dict[str, Labels]:
        return {}

    @cached_property
    def _labels_of_sets(self) -> tuple[tuple[NetworkSet, Labels], ...]:
        return tuple(
            (
                one,
                calico_labels.of_set(one, self.namespace(one.namespace) if one.namespace else None),
            )
            for one in self.network_sets
        )

    @cached_property
    def _networks_by_selector(self) -> dict[str, tuple[Network, ...]]:
        return {}

    @cached_property
    def _identities(self) -> dict[str, Labels]:
        return {}

    @cached_property
    def _owners(self) -> dict[Address, Pod | Node]:
        pods = [p for p in self.pods if not p.host_network and not p.finished]
        ends: list[Pod | Node] = [*pods, *self.nodes]
        return {address: end for end in ends for address in end.addresses}


_InNamespace = TypeVar("_InNamespace", Pod, Service, Policy, CiliumPolicy, CalicoPolicy)


def _by_namespace(found: Iterable[_InNamespace]) -> dict[str, tuple[_InNamespace, ...]]:
    grouped: dict[str, list[_InNamespace]] = {}
    for one in found:
        grouped.setdefault(one.namespace, []).append(one)
    return {namespace: tuple(ones) for namespace, ones in grouped.items()}
