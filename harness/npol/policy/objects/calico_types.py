"""
The nouns of Calico's own policies, frozen.

Source: projectcalico/calico api/pkg/apis/projectcalico/v3 (policy_common.go, networkpolicy.go,
globalnetworkpolicy.go, tier.go, networkset.go); what selectors become: libcalico-go/lib/backend/
syncersv1/updateprocessors. Selectors are those of pods and network sets: what is asked of
namespaces and service accounts is in them, by the labels that pods have of those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from npol.model.story import Protocol
from npol.policy.objects.calico_selectors import CalicoSelector, HasLabel, Negated
from npol.policy.objects.netpol_types import Direction, Network, Origin
from npol.policy.objects.tier_types import RuleAction
from npol.selectors import Labels

DEFAULT_TIER = "default"
KUBE_ADMIN = "kube-admin"
KUBE_BASELINE = "kube-baseline"
NETWORK_POLICY_ORDER = 1000.0
"""The order of NetworkPolicies in the default tier."""
NAMESPACE = "projectcalico.org/namespace"
ACCOUNT = "projectcalico.org/serviceaccount"
IN_NAMESPACE = HasLabel(NAMESPACE)
IN_NO_NAMESPACE = Negated(IN_NAMESPACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoTier:
    """Those of lower `order` come first; a tie goes by name."""

    name: str
    order: float = math.inf
    denies: bool = True
    """What becomes of packets of a pod that its policies select, and none of their rules fits."""

    @property
    def place(self) -> tuple[float, str]:
        return self.order, self.name


BUILT_IN_TIERS = (
    CalicoTier(name=KUBE_ADMIN, order=1_000, denies=False),
    CalicoTier(name=DEFAULT_TIER, order=1_000_000),
    CalicoTier(name=KUBE_BASELINE, order=10_000_000, denies=False),
)
"""Those that every cluster of Calico's has; NetworkPolicies stand in the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSet:
    """Addresses that selectors mean by the set's labels; `namespace` "" for a GlobalNetworkSet."""

    kind: str
    name: str
    namespace: str = ""
    labels: Labels = field(default_factory=dict)
    networks: tuple[Network, ...] = ()

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


@dataclass(frozen=True, slots=True)
class PortList:
    """Any of these numbers (first and last of each range), or ports of these names."""

    ranges: tuple[tuple[int, int], ...] = ()
    names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ranges or self.names)

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self.ranges)

    def __str__(self) -> str:
        spans = [f"{first}" if first == last else f"{first}:{last}" for first, last in self.ranges]
        return ", ".join([*spans, *map(repr, self.names)])


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoEnd:
    """What a rule wants of a packet's source, or of its destination. All of it must hold."""

    origin: Origin
    selector: CalicoSelector | None = None
    """Of pods and network sets; None: it may be anything."""
    but_not: CalicoSelector | None = None
    """What it must not be. It may be something that no selector means."""
    networks: tuple[Network, ...] = ()
    not_networks: tuple[Network, ...] = ()
    ports: PortList = PortList()
    not_ports: PortList = PortList()
    service: tuple[str, str] | None = None
    """Namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoRule:
    """One rule; it fits a packet whose both ends are as it says."""

    direction: Direction
    origin: Origin
    action: RuleAction
    source: CalicoEnd
    destination: CalicoEnd
    family: int | None = None
    """4 or 6, where it is about one of them alone."""
    protocol: int | None = None
    """By its number."""
    not_protocol: int | None = None
    asks: str = ""
    """The field that asks for more than packets of L3/L4 show: `http`."""
    unsettled: str = ""
    """
    The field that data planes read differently here: `notICMP` without its protocol, `services`
    at the end that is the policy's own.
    """

    name: str = ""
    """Always "": rules of Calico's have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoPolicy:
    """A NetworkPolicy of Calico's, or without a namespace a GlobalNetworkPolicy."""

    kind: str
    """`CalicoNetworkPolicy` for the namespaced one: it shares its name with Kubernetes' own."""
    name: str
    origin: Origin
    selector: CalicoSelector
    group: str = "projectcalico.org"
    """The API group that it was written in: both hold the same objects."""
    namespace: str = ""
    tier: str = DEFAULT_TIER
    order: float = math.inf
    directions: frozenset[Direction] = frozenset({Direction.INGRESS})
    ingress: tuple[CalicoRule, ...] = ()
    egress: tuple[CalicoRule, ...] = ()

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"

    @property
    def place(self) -> tuple[float, str]:
        """Where it stands in its tier; a tie of orders goes by name (policy_sorter.go)."""
        written = self.kind.removeprefix("Calico")
        return self.order, f"{self.name}/{self.namespace}/{written}"

    @property
    def tier_name(self) -> str:
        return self.tier

    @property
    def rank(self) -> str:
        return "no order" if self.order == math.inf else f"order {self.order:g}"

    def rules(self, direction: Direction) -> tuple[CalicoRule, ...]:
        """The rules in force: those of a direction outside `directions` mean nothing."""
        return self.written(direction) if direction in self.directions else ()

    def written(self, direction: Direction) -> tuple[CalicoRule, ...]:
        return self.ingress if direction is Direction.INGRESS else self.egress


PROTOCOL_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}
