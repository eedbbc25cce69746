"""What Calico's selectors, services and named ports mean right now, for addresses of one family."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from npol.api_rules import addresses
from npol.api_rules.objects import Obj
from npol_lab.families import Family, is_port, plain
from npol_lab.net.calico_policy import (
    ACCOUNT,
    DEFAULT_TIER,
    NAME,
    NAMESPACE,
    OF_ACCOUNT,
    OF_NAMESPACE,
    ORCHESTRATOR,
    CalicoPolicy,
)
from npol_lab.net.pods import Pod
from npol_lab.net.tier_policy import ADMIN, BASELINE
from npol_lab.registry.calico_selectors import Selector

Labels = Mapping[str, str]
PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}
NUMBERS = {6: "tcp", 17: "udp", 132: "sctp"}
LONGEST_ACCOUNT = 62
"""Names beyond it are no label of a pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    name: str
    order: float = math.inf
    denies: bool = True
    """What becomes of packets that its policies select and no rule of theirs fits."""

    @property
    def place(self) -> tuple[float, str]:
        return self.order, self.name


BUILT_IN = (
    Tier(name=ADMIN, order=1_000, denies=False),
    Tier(name=DEFAULT_TIER, order=1_000_000),
    Tier(name=BASELINE, order=10_000_000, denies=False),
)
"""Where ClusterNetworkPolicies and NetworkPolicies stand: the middle one holds the latter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSet:
    """`namespace` "" for a GlobalNetworkSet."""

    namespace: str
    labels: frozenset[tuple[str, str]]
    nets: tuple[str, ...]


@dataclass(slots=True)
class CalicoObjects:
    """Everything of Calico's own kinds, and the labels of service accounts."""

    tiers: dict[str, Tier] = field(default_factory=lambda: {t.name: t for t in BUILT_IN})
    policies: Sequence[CalicoPolicy] = ()
    sets: Sequence[NetworkSet] = ()
    accounts: Mapping[tuple[str, str], frozenset[tuple[str, str]]] = field(default_factory=dict)
    """By namespace and name."""


class CalicoWorld:
    """What it works out is kept: both nodes ask the same, and pods of one kind share answers."""

    def __init__(
        self,
        objects: CalicoObjects,
        pods: Sequence[Pod],
        namespaces: Mapping[str, frozenset[tuple[str, str]]],
        slices: Collection[Obj],
        family: Family,
    ) -> None:
        self.objects = objects
        self.family = family
        self._pods = pods
        self._namespaces = namespaces
        self._slices = slices
        self._labels: dict[tuple[object, ...], Labels] = {}
        self._selecting: dict[int, list[CalicoPolicy]] = {}
        self._members: dict[Selector, dict[str, str]] = {}
        self._nets: dict[Selector, tuple[str, ...]] = {}
        self._of_sets = [(s, self._labels_of_set(s)) for s in objects.sets]

    def policies_of(self, pod: Pod) -> list[CalicoPolicy]:
        """Those that select the pod; the same list for pods with the same labels."""
        labels = self._labels_of(pod)
        if id(labels) not in self._selecting:
            chosen = [p for p in self.objects.policies if p.rules and p.subject(labels)]
            self._selecting[id(labels)] = chosen
        return self._selecting[id(labels)]

    def _labels_of(self, pod: Pod) -> Labels:
        """A pod's own labels go before what it inherits."""
        kind = (pod.namespace, pod.account, pod.labels)
        if kind not in self._labels:
            inherited = self._of_namespace(pod.namespace) | self._of_account(pod)
            own = {**dict(pod.labels), NAMESPACE: pod.namespace, ORCHESTRATOR: "k8s"}
            if 0 < len(pod.account) <= LONGEST_ACCOUNT:
                own[ACCOUNT] = pod.account
            self._labels[kind] = inherited | own
        return self._labels[kind]

    def _of_namespace(self, name: str) -> dict[str, str]:
        labels = self._namespaces.get(name, frozenset())
        return {**{OF_NAMESPACE + k: v for k, v in labels}, OF_NAMESPACE + NAME: name}

    def _of_account(self, pod: Pod) -> dict[str, str]:
        labels = self.objects.accounts.get((pod.namespace, pod.account))
        if labels is None:
            return {}
        return {**{OF_ACCOUNT + k: v for k, v in labels}, OF_ACCOUNT + NAME: pod.account}

    def _labels_of_set(self, one: NetworkSet) -> Labels:
        own = dict(one.labels)
        if not one.namespace:
            return own
        return {**self._of_namespace(one.namespace), **own, NAMESPACE: one.namespace}

    def members(self, selector: Selector) -> dict[str, str]:
        """The addresses of the pods that it selects, as the elements of a set."""
        if selector not in self._members:
            self._members[selector] = {
                pod.ip: "" for pod in self._pods if selector(self._labels_of(pod))
            }
        return self._members[selector]

    def nets(self, selector: Selector) -> tuple[str, ...]:
        """The networks of the network sets that it selects."""
        if selector not in self._nets:
            chosen = [net for one, labels in self._of_sets if selector(labels) for net in one.nets]
            self._nets[selector] = networks(chosen, self.family)
        return self._nets[selector]

    def holders(self, name: str, protocol: int | None) -> dict[str, str]:
        """Address, protocol and number of every pod's ports of this name."""
        return {
            f"{pod.ip} . {PROTOCOLS[spoken]} . {number}": ""
            for pod in self._pods
            for called, spoken, number in pod.ports
            if called == name and protocol in (None, *_number(spoken))
        }

    def sources(self, service: tuple[str, str]) -> dict[str, str]:
        """The addresses of a Service's endpoints, ready or not."""
        return {address: "" for _, address in self._endpoints(service)}

    def targets(self, service: tuple[str, str]) -> dict[str, str]:
        """The same with the protocols and ports at which they serve."""
        return {
            f"{address} . {(port.get('protocol') or 'TCP').lower()} . {port['port']}": ""
            for piece, address in self._endpoints(service)
            for port in piece.get("ports") or []
            if is_port(port.get("port"))
        }

    def _endpoints(self, service: tuple[str, str]) -> Iterable[tuple[Obj, str]]:
        namespace, name = service
        for piece in self._slices:
            owner = (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
            if (piece["metadata"]["namespace"], owner) != (namespace, name):
                continue
            for endpoint in piece.get("endpoints") or []:
                for text in endpoint["addresses"]:
                    if address := plain(text, self.family):
                        yield piece, address


def _number(protocol: str) -> list[int]:
    return [number for number, name in NUMBERS.items() if name == PROTOCOLS.get(protocol)]


def networks(given: Iterable[str], family: Family) -> tuple[str, ...]:
    """Those of this family, disjoint: nft takes no overlapping ones. An address is a network."""
    found: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for text in given:
        one = addresses.network(text if "/" in text else f"{text}/{family.host}")
        if one is not None and one.version == family.version:
            found.append(one)
    return tuple(str(net) for net in ipaddress.collapse_addresses(found))  # type: ignore[type-var]
