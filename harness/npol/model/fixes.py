"""The smallest changes of policies that let a flow through: `report.causes` makes words of them."""

from __future__ import annotations

from dataclasses import dataclass

from npol.model.placed_policy import PlacedPolicy


@dataclass(frozen=True, slots=True)
class AllowPort:
    """A rule that fits but for its ports allows one more."""

    ports: PlacedPolicy
    port: str


@dataclass(frozen=True, slots=True)
class SelectOthers:
    """A peer whose selectors select nothing selects other pods; None: by no such selector."""

    peer: PlacedPolicy
    namespaces: str | None
    pods: str | None
    """"" for every pod."""


@dataclass(frozen=True, slots=True)
class AddPolicy:
    """A new policy for just this flow."""

    policy: str
    side: str
    """`ingress of shop/db-0`."""
    port: str


Fix = AllowPort | SelectOthers | AddPolicy
