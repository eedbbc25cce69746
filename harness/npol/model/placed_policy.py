"""A policy by its name, with the place of what is meant in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlacedPolicy:
    """A policy, and where it stands: a rule or a clause of it, or the policy as a whole."""

    policy: str
    place: str

    def __str__(self) -> str:
        """`shop/db-in (db.yaml:3)`."""
        return f"{self.policy} ({self.place})"
