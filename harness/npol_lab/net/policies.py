"""
All policies as one node's chains and sets.

A pod that no policy selects for a direction is not mentioned. For one that is, its
address leads (by a verdict map) to a chain that tries all its policies and ends with
`drop`.
"""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from npol.selectors import matches
from npol_lab.families import IPV4, Family
from npol_lab.net.calico_rules import CalicoRules
from npol_lab.net.calico_world import BUILT_IN, CalicoWorld, Tier
from npol_lab.net.flow_log import DENIED
from npol_lab.net.nflog import statement
from npol_lab.net.nft import Chain, Ruleset, Set
from npol_lab.net.pods import Pod
from npol_lab.net.policy import ALLOWED, Direction, NamedPort, Peers, Policy, name_of
from npol_lab.net.tier_policy import TierPolicy
from npol_lab.net.tiers import Tiered, Tiers

Labels = frozenset[tuple[str, str]]
_BUILT_IN = {tier.name: tier for tier in BUILT_IN}
NodeFacts = tuple[Labels, Sequence[str]]
"""A node's labels and addresses."""


class Selection:
    """Which labels a selector selects, remembered: many pods carry the same labels."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Labels], bool] = {}

    def __call__(self, selector: str, labels: Labels) -> bool:
        key = (selector, labels)
        if key not in self._known:
            self._known[key] = matches(json.loads(selector), dict(labels))
        return self._known[key]


class World:
    """
    Everything that decides what the policies mean right now for the addresses of one family.

    What it works out is kept: both nodes ask the same, and pods of one kind share answers.
    """

    def __init__(
        self,
        policies: Iterable[Policy],
        pods: Sequence[Pod],
        namespaces: Mapping[str, Labels],
        selects: Selection,
        family: Family = IPV4,
        tier_policies: Sequence[TierPolicy] = (),
        nodes: Mapping[str, NodeFacts] | None = None,
        calico: CalicoWorld | None = None,
    ) -> None:
        self.family = family
        self.calico = CalicoRules(calico) if calico else None
        self._tier_policies = tier_policies
        self._nodes = nodes or {}
        self._in_tiers: dict[tuple[str, Labels], list[TierPolicy]] = {}
        self.pods = pods
        self.namespaces = namespaces
        self._selects = selects
        self._policies: dict[str, list[Policy]] = defaultdict(list)
        for policy in policies:
            self._policies[policy.namespace].append(policy)
        self._selecting: dict[tuple[str, Labels], list[Policy]] = {}
        self._members: dict[Peers, dict[str, str]] = {}
        self._holders: dict[NamedPort, dict[str, str]] = {}

    def policies_of(self, pod: Pod) -> list[Policy]:
        """Those that select the pod, for whatever direction."""
        kind = (pod.namespace, pod.labels)
        if kind not in self._selecting:
            own = self._policies[pod.namespace]
            self._selecting[kind] = [p for p in own if self._selects(p.selector, pod.labels)]
        return self._selecting[kind]

    @property
    def tiers(self) -> Mapping[str, Tier]:
        return self.calico.world.objects.tiers if self.calico else _BUILT_IN

    def tier_policies_of(self, pod: Pod) -> list[Tiered]:
        """The policies in tiers that select the pod."""
        kind = (pod.namespace, pod.labels)
        if kind not in self._in_tiers:
            self._in_tiers[kind] = [
                policy for policy in self._tier_policies if self._means(policy.subject, pod)
            ]
        own = self.calico.world.policies_of(pod) if self.calico else ()
        return [*self._in_tiers[kind], *own]

    def kind_of(self, pod: Pod) -> tuple[object, ...]:
        """Pods of one kind are selected by the same policies of all sorts."""
        account = pod.account if self.calico else ""
        return id(self.policies_of(pod)), account

    def _means(self, peers: Peers, pod: Pod) -> bool:
        labels = self.namespaces.get(pod.namespace, frozenset())
        return self._selects(peers.namespaces, labels) and self._selects(peers.pods, pod.labels)

    def nodes_like(self, selector: str) -> dict[str, str]:
        """The addresses of the nodes that a selector selects, as the elements of a set."""
        return {
            address: ""
            for labels, addresses in self._nodes.values()
            if self._selects(selector, labels)
            for address in addresses
            if ip_address(address).version == self.family.version
        }

    def members(self, peers: Peers) -> dict[str, str]:
        """The addresses of the pods that a peer means, as the elements of a set."""
        if peers not in self._members:
            self._members[peers] = self._find_members(peers)
        return self._members[peers]

    def _find_members(self, peers: Peers) -> dict[str, str]:
        chosen = {peers.namespace} if peers.namespace else self._chosen(peers.namespaces)
        return {
            pod.ip: ""
            for pod in self.pods
            if pod.namespace in chosen and self._selects(peers.pods, pod.labels)
        }

    def _chosen(self, selector: str) -> set[str]:
        return {n for n, labels in self.namespaces.items() if self._selects(selector, labels)}

    def holders(self, port: NamedPort) -> dict[str, str]:
        """Address and number of every pod with a port of this name: it may differ by pod."""
        if port not in self._holders:
            self._holders[port] = {
                f"{pod.ip} . {number}": ""
                for pod in self.pods
                for name, protocol, number in pod.ports
                if name == port.name and protocol.lower() == port.protocol
            }
        return self._holders[port]


def rules_for(node: str, world: World, *, told: bool = False) -> Ruleset:
    """
    The verdict maps `ingress` and `egress` for the node's pods, and all that they lead to.

    `told`: every verdict is shown to who reads the node's NFLOG.
    """
    ruleset = Ruleset()
    verdicts: dict[Direction, dict[str, str]] = {"ingress": {}, "egress": {}}
    by_kind: dict[tuple[object, ...], list[Pod]] = defaultdict(list)
    used: dict[int, Policy] = {}
    used_in_tiers: dict[str, TierPolicy] = {}
    for pod in world.pods:
        if pod.node == node:
            by_kind[world.kind_of(pod)].append(pod)
    tiers = Tiers(world.tiers, world.calico, ruleset, told=told)
    for pods in by_kind.values():
        selecting, in_tiers = world.policies_of(pods[0]), world.tier_policies_of(pods[0])
        for direction, found in verdicts.items():
            isolating = [p for p in selecting if direction in p.chains]
            chain = _isolation(direction, isolating, ruleset, told) if isolating else ""
            if verdict := tiers.verdict(direction, in_tiers, isolating, chain):
                found |= {pod.ip: verdict for pod in pods}
        used |= {id(policy): policy for policy in selecting}
        used_in_tiers |= {p.uid: p for p in in_tiers if isinstance(p, TierPolicy)}
    for policy in used.values():
        _add(policy, world, ruleset, told)
    for tier_policy in used_in_tiers.values():
        _add_sets(tier_policy, world, ruleset)
    for direction, found in verdicts.items():
        ruleset.sets[direction] = Set(f"{world.family.element} : verdict", found)
    return ruleset


def _isolation(direction: Direction, policies: list[Policy], ruleset: Ruleset, told: bool) -> str:
    """The chain of all pods with these policies: what none of them allows is dropped."""
    name, chain = _isolated(direction, tuple(sorted(p.chains[direction] for p in policies)), told)
    ruleset.chains[name] = chain
    return name


@functools.lru_cache(maxsize=4096)
def _isolated(direction: Direction, chains: tuple[str, ...], told: bool) -> tuple[str, Chain]:
    drop = f"{statement(DENIED[direction])} drop" if told else "drop"
    rules = (*(f"jump {chain}" for chain in chains), drop)
    return name_of(f"isolated_{direction}", chains), Chain(rules)


def _add(policy: Policy, world: World, ruleset: Ruleset, told: bool) -> None:
    for name, rules in policy.rules.items():
        ruleset.chains[name] = Chain(_told(name, rules) if told else rules)
    _add_sets(policy, world, ruleset)


def _add_sets(policy: Policy | TierPolicy, world: World, ruleset: Ruleset) -> None:
    address = world.family.element
    for name, peers in policy.peers.items():
        ruleset.sets[name] = Set(address, world.members(peers))
    for name, port in policy.ports.items():
        ruleset.sets[name] = Set(f"{address} . inet_service", world.holders(port))
    if isinstance(policy, TierPolicy):
        for name, selector in policy.nodes.items():
            ruleset.sets[name] = Set(address, world.nodes_like(selector))


@functools.lru_cache(maxsize=4096)
def _told(chain: str, rules: tuple[str, ...]) -> tuple[str, ...]:
    """What a rule of this chain allows is shown with the chain's name."""
    found = []
    for rule in rules:
        verdict = next(v for v in ALLOWED.values() if rule.endswith(v))
        found.append(f"{rule.removesuffix(verdict)}{statement(chain)} {verdict}")
    return tuple(found)
