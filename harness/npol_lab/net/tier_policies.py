"""The policies in tiers that the store holds, compiled for each family."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from npol_lab.families import Family
from npol_lab.net.flow_log import PolicyName
from npol_lab.net.policy import Direction
from npol_lab.net.tier_policy import Action, TierPolicy, compile_tier_policy
from npol_lab.registry.policy_definitions import policy_definitions
from npol_lab.store import Event

KINDS = {d["metadata"]["name"]: d["spec"]["names"]["kind"] for d in policy_definitions()}
"""By the resource, as the store calls it."""
DIRECTIONS: tuple[Direction, ...] = ("ingress", "egress")
SHOWN: tuple[Action, ...] = ("accept", "deny")
log = logging.getLogger(__name__)


class TierPolicies:
    """`enforce` False: they are accepted and ignored, as by a plugin that does not know them."""

    def __init__(self, families: Sequence[Family], *, enforce: bool) -> None:
        self._families = families
        self._enforce = enforce
        self._compiled: dict[tuple[str, str], list[TierPolicy]] = {}

    def note(self, event: Event) -> None:
        """One of them was made, changed or deleted."""
        key = (event.resource, event.object["metadata"]["name"])
        self._compiled.pop(key, None)
        if event.type == "DELETED" or not self._enforce:
            return
        try:
            kind = KINDS[event.resource]
            compiled = [compile_tier_policy(kind, event.object, f) for f in self._families]
        except ValueError:
            log.exception("policy %s cannot be enforced, and is left out", key)
            return
        self._compiled[key] = compiled

    def compiled(self, family: Family) -> list[TierPolicy]:
        which = self._families.index(family)
        return [compiled[which] for compiled in self._compiled.values()]

    @property
    def names(self) -> dict[str, PolicyName]:
        """What is shown of packets that they decide, and whose rule that is."""
        return {
            policy.log_name(direction, action): PolicyName(
                namespace="", name=policy.name, uid=policy.uid, kind=policy.kind
            )
            for compiled in self._compiled.values()
            for policy in compiled[:1]
            for direction in DIRECTIONS
            for action in SHOWN
        }
