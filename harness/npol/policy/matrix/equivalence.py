"""
Pods that no policy of a world can tell apart, and ports likewise.

A class of pods is keyed by namespace, by the labels whose keys some selector mentions, by the
numbers of the ports that some rule names, and by the address blocks that it lies in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from npol.model.story import Protocol
from npol.policy.objects.calico_labels import OF_ACCOUNT
from npol.policy.objects.calico_selectors import keys_in
from npol.policy.objects.calico_types import (
    ACCOUNT,
    PROTOCOL_NUMBERS,
    CalicoPolicy,
    CalicoRule,
    NetworkSet,
    PortList,
)
from npol.policy.objects.cilium_labels import SERVICE_ACCOUNT, without_source
from npol.policy.objects.cilium_types import CiliumPolicy, CiliumRule
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, IpBlock, Policy, PortClause, Rule
from npol.policy.objects.tier_types import TierPolicy, TierPort, TierRule
from npol.policy.state.cluster_state import EvaluatedPolicy
from npol.selectors import Selector, keys_of


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A port of a pod."""

    number: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol.lower()}"

    @property
    def transport(self) -> Protocol:
        return Protocol[self.protocol]


@dataclass(frozen=True, slots=True)
class PodGroup:
    """Pods that every policy treats alike."""

    name: str
    pods: tuple[Pod, ...]

    def __str__(self) -> str:
        return self.name

    @property
    def first(self) -> Pod:
        return self.pods[0]


_EACH = "*"
"""Stands for the pod itself."""
_EVERY = ""
"""Stands for the keys of all labels."""
AnyPolicy = EvaluatedPolicy | NetworkSet
"""What may tell pods apart; network sets do by the addresses that policies mean by them."""


def pod_groups(
    pods: Iterable[Pod],
    policies: Collection[AnyPolicy],
    earlier: Mapping[str, Pod] | None = None,
) -> list[PodGroup]:
    """
    The groups of pods under these policies.

    `earlier`: what pods (by `namespace/name`) were before; then groups are equal in both.
    """
    keys = sorted(
        {
            *(key for selector in _selectors(policies) for key in keys_of(selector)),
            *_cilium_keys(policies),
            *_calico_keys(policies),
        }
    )
    names = sorted(set(_port_names(policies)))
    blocks = blocks_of(policies)
    found: dict[object, list[Pod]] = {}
    for pod in pods:
        versions = (pod, (earlier or {}).get(str(pod), pod))
        key = tuple(_class(version, keys, names, blocks) for version in versions)
        found.setdefault(key, []).append(pod)
    return _named(found.values())


def _class(pod: Pod, keys: list[str], names: list[str], blocks: list[IpBlock]) -> object:
    labels = tuple(_label(pod, key) for key in keys)
    ports = tuple(pod.ports_named(name, protocol) for name in names for protocol in Protocol)
    inside = tuple(None if (a := pod.address(b.cidr.version)) is None else a in b for b in blocks)
    return pod.namespace, labels, ports, inside


def _label(pod: Pod, key: str) -> object:
    if key == _EACH:
        return str(pod)
    if key in (SERVICE_ACCOUNT, ACCOUNT):
        return pod.service_account or "default"
    return sorted(pod.labels.items()) if key == _EVERY else pod.labels.get(key)


def _named(groups: Iterable[list[Pod]]) -> list[PodGroup]:
    """Named by the workload, else by the only pod, else by the first of them; never twice."""
    named: dict[str, PodGroup] = {}
    for pods in groups:
        workloads = sorted({p.workload.partition("/")[2] or p.name for p in pods})
        name = f"{pods[0].namespace}/{workloads[0]}"
        if len(workloads) > 1:
            name += f" and {len(workloads) - 1} more"
        while name in named:
            name += "'"
        named[name] = PodGroup(name, tuple(pods))
    return list(named.values())


def ports_of(pods: Iterable[Pod], policies: Collection[AnyPolicy]) -> list[Port]:
    """The ports that pods declare and the numbers that rules name."""
    found = {Port(p.number, p.protocol.name) for pod in pods for p in pod.ports}
    for clause in _ports(policies):
        if isinstance(clause.port, int):
            found.add(Port(clause.port, clause.protocol.name))
    for rule in _cilium_rules(policies):
        for own in rule.ports or ():
            protocols = [own.protocol] if own.protocol else [*Protocol]
            if own.port and isinstance(own.port, int):
                found |= {Port(own.port, protocol.name) for protocol in protocols}
    for listed, number in _calico_ports(policies):
        protocols = [p for p in Protocol if number in (None, PROTOCOL_NUMBERS[p])]
        starts = [first for first, _ in listed.ranges]
        found |= {Port(first, protocol.name) for first in starts for protocol in protocols}
    for entry in _tier_ports(policies):
        if entry.first is not None and entry.protocol is not None:
            found.add(Port(entry.first, entry.protocol.name))
    return sorted(found)


def _rules(policies: Iterable[AnyPolicy]) -> Iterator[Rule]:
    for policy in policies:
        if isinstance(policy, Policy):
            yield from policy.all_rules


def _tier_rules(policies: Iterable[AnyPolicy]) -> Iterator[TierRule]:
    for policy in policies:
        if isinstance(policy, TierPolicy):
            yield from (*policy.ingress, *policy.egress)


def _cilium_rules(policies: Iterable[AnyPolicy]) -> Iterator[CiliumRule]:
    for policy in policies:
        if isinstance(policy, CiliumPolicy):
            yield from (rule for section in policy.sections for rule in section.rules)


def _cilium_keys(policies: Collection[AnyPolicy]) -> Iterator[str]:
    """The labels that Cilium's policies ask about; Services may ask about any (`_EVERY`)."""
    own = (policy for policy in policies if isinstance(policy, CiliumPolicy))
    selectors = [section.selector for policy in own for section in policy.sections]
    for rule in _cilium_rules(policies):
        selectors += [peer.endpoints for peer in rule.peers or () if peer.endpoints]
        if rule.services:
            yield _EVERY
    yield from (without_source(key) for selector in selectors for key in keys_of(selector))


def _calico_rules(policies: Iterable[AnyPolicy]) -> Iterator[CalicoRule]:
    for policy in policies:
        if isinstance(policy, CalicoPolicy):
            yield from (rule for direction in Direction for rule in policy.rules(direction))


def _calico_keys(policies: Collection[AnyPolicy]) -> Iterator[str]:
    """
    The labels that Calico's selectors ask about; those of an account come with the account.

    What is behind a Service, or in a network set, its addresses say: each pod for itself.
    """
    rules = [*_calico_rules(policies)]
    ends = [end for rule in rules for end in (rule.source, rule.destination)]
    selectors = [p.selector for p in policies if isinstance(p, CalicoPolicy)]
    selectors += [s for end in ends for s in (end.selector, end.but_not) if s is not None]
    for key in (key for selector in selectors for key in keys_in(selector)):
        yield ACCOUNT if key.startswith(OF_ACCOUNT) else key
    if any(end.service for end in ends):
        yield _EACH


def _calico_ports(policies: Collection[AnyPolicy]) -> Iterator[tuple[PortList, int | None]]:
    for rule in _calico_rules(policies):
        yield from ((listed, rule.protocol) for listed in _lists(rule))


def _lists(rule: CalicoRule) -> tuple[PortList, PortList]:
    return rule.destination.ports, rule.destination.not_ports


def _ports(policies: Iterable[AnyPolicy]) -> Iterator[PortClause]:
    for rule in _rules(policies):
        yield from rule.ports


def _tier_ports(policies: Iterable[AnyPolicy]) -> Iterator[TierPort]:
    for rule in _tier_rules(policies):
        yield from rule.ports


def _port_names(policies: Collection[AnyPolicy]) -> Iterator[str]:
    yield from (p.port for p in _ports(policies) if isinstance(p.port, str))
    yield from (p.name for p in _tier_ports(policies) if p.name)
    own = (port for rule in _cilium_rules(policies) for port in rule.ports or ())
    yield from (port.port for port in own if isinstance(port.port, str))
    for rule in _calico_rules(policies):
        listed = (*_lists(rule), rule.source.ports, rule.source.not_ports)
        yield from (name for ports in listed for name in ports.names)


def _selectors(policies: Collection[AnyPolicy]) -> Iterator[Selector]:
    """Pod selectors: namespaces are told apart anyway."""
    yield from (policy.selector for policy in policies if isinstance(policy, Policy))
    for rule in _rules(policies):
        yield from (p.pod_selector for p in rule.peers if p.pod_selector is not None)
    subjects = [policy.subject for policy in policies if isinstance(policy, TierPolicy)]
    subjects += [p.pods for rule in _tier_rules(policies) for p in rule.peers if p.pods]
    yield from (subject.pods for subject in subjects if subject.pods is not None)


def blocks_of(policies: Collection[AnyPolicy]) -> list[IpBlock]:
    """Every address block that a policy names, once."""
    peers = (peer for rule in _rules(policies) for peer in rule.peers)
    found = {p.ip_block for p in peers if p.ip_block}
    found |= {b for rule in _tier_rules(policies) for p in rule.peers for b in p.networks}
    own = (peer for rule in _cilium_rules(policies) for peer in rule.peers or ())
    found |= {peer.block for peer in own if peer.block}
    ends = (end for rule in _calico_rules(policies) for end in (rule.source, rule.destination))
    found |= {IpBlock(n) for end in ends for n in (*end.networks, *end.not_networks)}
    sets = (one for one in policies if isinstance(one, NetworkSet))
    found |= {IpBlock(network) for one in sets for network in one.networks}
    return sorted(found, key=str)
