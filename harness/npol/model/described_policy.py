"""What a policy says, and whom it means now: `report.described_policy` makes words of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.errors import Position


@dataclass(frozen=True, slots=True)
class SelectedPods:
    """The pods that a selector selects now, by what made them."""

    workloads: tuple[str, ...]
    count: int | None
    """None where words are to stay true when a workload scales."""


@dataclass(frozen=True, slots=True)
class DescribedPeer:
    """Pods, by their labels and by those of their namespaces; a selector "" selects all."""

    selector: str
    namespace_selector: str | None
    """None: the policy's own namespace."""
    namespaces: tuple[str, ...]
    """Those that are meant now."""
    pods: SelectedPods


@dataclass(frozen=True, slots=True)
class DescribedSubject:
    """The pods that a policy is about."""

    policy: str
    selector: str
    namespace: str
    pods: SelectedPods


@dataclass(frozen=True, slots=True)
class DescribedDirection:
    """A direction for which it isolates them but for `rules`, or that it leaves (None)."""

    direction: str
    rules: int | None


@dataclass(frozen=True, slots=True)
class DescribedRule:
    """Whom a rule lets through (a text: a block of addresses); nobody named: anybody."""

    word: str
    """`from` or `to`."""
    peers: tuple[DescribedPeer | str, ...]
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnstatedDirection:
    """A direction that has rules, and that policyTypes do not name."""

    direction: str
    engine: str
    """That goes by the rules all the same; "" where they do nothing."""
    others: tuple[str, ...]
    """The engines that do, where they do nothing."""


@dataclass(frozen=True, slots=True)
class DescribedStanding:
    """A policy of another kind, and the pods that it is about."""

    policy: str
    pods: SelectedPods
    tier: str = ""
    """"" where it stands in one layer with NetworkPolicies."""
    rank: str = ""


class EndSort(enum.Enum):
    """By what a rule of another kind means one end."""

    PODS = enum.auto()
    SELECTOR = enum.auto()
    NOT_SELECTOR = enum.auto()
    NODES = enum.auto()
    ADDRESSES = enum.auto()
    NOT_ADDRESSES = enum.auto()
    NAMES = enum.auto()
    ENTITY = enum.auto()
    GROUP = enum.auto()
    SERVICE = enum.auto()
    NOBODY = enum.auto()


@dataclass(frozen=True, slots=True)
class DescribedEnd:
    """One end, or a part of what it must be."""

    word: str
    """`from` or `to`."""
    sort: EndSort
    spelled: str
    namespaces: str = ""
    """Of pods: the labels of theirs."""


@dataclass(frozen=True, slots=True)
class DescribedAction:
    """A rule that does something with what it fits; no end named: anybody."""

    direction: str
    action: str
    ends: tuple[DescribedEnd, ...]
    ports: tuple[str, ...]
    together: bool = False
    """Whether all of the ends must fit, not one of them."""


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One thing that a policy says, and where."""

    what: (
        DescribedSubject
        | DescribedDirection
        | DescribedRule
        | UnstatedDirection
        | DescribedStanding
        | DescribedAction
    )
    at: Position | None

    @property
    def nested(self) -> bool:
        """Whether it belongs to the direction before it."""
        return isinstance(self.what, DescribedRule | UnstatedDirection | DescribedAction)
