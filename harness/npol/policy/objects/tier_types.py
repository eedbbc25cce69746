"""
The nouns of policies in tiers before and behind NetworkPolicies, frozen.

Sources: kubernetes-sigs/network-policy-api apis/v1alpha2 (ClusterNetworkPolicy) and apis/v1alpha1
(AdminNetworkPolicy, BaselineAdminNetworkPolicy).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.story import Protocol
from npol.policy.objects.netpol_types import Direction, IpBlock, Origin
from npol.selectors import Selector


class Tier(enum.Enum):
    """Those that the API has beside the tier of NetworkPolicies, which lies between them."""

    ADMIN = "Admin"
    BASELINE = "Baseline"


class RuleAction(enum.Enum):
    """What a rule does with what it fits; the value is the word of ClusterNetworkPolicy."""

    ACCEPT = "Accept"
    DENY = "Deny"
    PASS = "Pass"
    LOG = "Log"
    """Of Calico's rules alone: the next rule is tried all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The pods that a policy acts on: by their namespaces, and by their own labels if given."""

    namespaces: Selector
    pods: Selector | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPeer:
    """One entry of `from` or `to`: pods (by namespaces), nodes, networks or domain names."""

    origin: Origin
    pods: Subject | None = None
    nodes: Selector | None = None
    networks: tuple[IpBlock, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPort:
    """
    One entry of `protocols` or `ports`.

    `protocol` None: a named port, of whatever protocol the pod declares it with. `first` None
    beside a protocol: all its ports.
    """

    origin: Origin
    protocol: Protocol | None = None
    first: int | None = None
    last: int | None = None
    name: str = ""

    def __str__(self) -> str:
        if self.name:
            return f"port {self.name!r}"
        word = self.protocol.name if self.protocol else ""
        if self.first is None:
            return f"{word} (all ports)"
        return f"{word} {self.first}" + (f"-{self.last}" if self.last != self.first else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRule:
    """One rule; it fits where one of its peers does and, if it names any, one of its ports."""

    direction: Direction
    origin: Origin
    action: RuleAction
    name: str = ""
    peers: tuple[TierPeer, ...] = ()
    ports: tuple[TierPort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPolicy:
    """A cluster-scoped policy. Those of lower `priority` come first in their tier."""

    kind: str
    group: str
    name: str
    origin: Origin
    tier: Tier
    subject: Subject
    priority: int = 0
    ingress: tuple[TierRule, ...] = ()
    egress: tuple[TierRule, ...] = ()

    namespace: str = ""
    """Always "": such policies belong to no namespace."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def tier_name(self) -> str:
        return self.tier.value

    @property
    def rank(self) -> str:
        return f"priority {self.priority}"

    def rules(self, direction: Direction) -> tuple[TierRule, ...]:
        """In the order in which they are tried. Without rules, a direction is not its business."""
        return self.ingress if direction is Direction.INGRESS else self.egress
