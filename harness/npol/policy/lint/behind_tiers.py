"""
What stands before and behind the tier of a policy: a Pass to nothing, and what is never asked.

All that decides packets stands in tiers by Calico's order, which is that of the others, too:
Admin, NetworkPolicies (with Cilium's own in one layer), Baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from npol.policy.evaluate.calico_match import acts_on
from npol.policy.evaluate.cilium_layer import sections_for
from npol.policy.evaluate.layers import CLUSTER_TIERS
from npol.policy.evaluate.tier_match import selects
from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.lint.shadowed import reached
from npol.policy.objects.calico_types import DEFAULT_TIER, KUBE_BASELINE, CalicoPolicy, CalicoTier
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import RuleAction, TierPolicy
from npol.policy.state.cluster_state import ClusterState

_PLACE_OF = {tier: name for name, tier in CLUSTER_TIERS.items()}


def passes(policy: TierPolicy | CalicoPolicy, direction: Direction) -> bool:
    """Whether a rule of it hands something on."""
    return any(rule.action is RuleAction.PASS for rule in policy.rules(direction))


@dataclass(frozen=True, slots=True)
class TierOrder:
    """The tiers of a world, with the policies in them; `calico`: those of Calico's own."""

    world: ClusterState
    calico: Sequence[CalicoPolicy] = ()

    def passes_to_nothing(
        self,
        policy: TierPolicy | CalicoPolicy,
        pods: Collection[Pod],
        covers: Callable[[Any, Any], bool],
    ) -> Iterator[LintFinding]:
        """
        The first Pass that is reached (`shadowed.reached`). `pods`: whom the policy selects; where
        there is a tier behind and they are not known: silence.
        """
        tier = policy.tier if isinstance(policy, CalicoPolicy) else _PLACE_OF[policy.tier]
        behind = self._behind(tier)
        if behind is None:
            return
        for direction in Direction:
            rules: Iterator[Any] = reached(policy.rules(direction), covers)
            passing = [rule for rule in rules if rule.action is RuleAction.PASS]
            if not passing or (behind and not pods):
                continue
            if not any(self._decides(pod, direction, behind) for pod in pods):
                message = f"it hands on to nothing: behind tier {policy.tier_name} no policy "
                message += "selects its pods, so all that fits it passes"
                fix = "say that it allows, or add the policy that is to decide"
                rule = LintRule.PASS_TO_NOTHING
                yield finding_at(rule, message, fix, policy, passing[0].origin)

    def closes_before_baseline(self, pod: Pod, direction: Direction) -> bool:
        """Whether something in front of the Baseline tier isolates a pod."""
        sections = (s for policy, s in sections_for(self.world, pod) if not policy.needs)
        return (
            bool(self.world.isolating(pod, direction))
            or any(direction in section.isolates for section in sections)
            or any(self._ends_in(tier, pod, direction) for tier in self._closing())
        )

    def _ends_in(self, tier: str, pod: Pod, direction: Direction) -> bool:
        """Whether all of a pod's packets that no rule decides end with a tier that denies them."""
        acting = [p for p in self._in([tier]) if self._selects(p, pod, direction)]
        return bool(acting) and not any(passes(policy, direction) for policy in acting)

    def _behind(self, tier: str) -> set[str] | None:
        """The tiers behind one; None: nobody knows where it stands."""
        names = [known.name for known in self.world.calico_tiers_in_order]
        return set(names[names.index(tier) + 1 :]) if tier in names else None

    def _closing(self) -> list[str]:
        tiers: list[CalicoTier] = [*self.world.calico_tiers_in_order]
        last = next(n for n, tier in enumerate(tiers) if tier.name == KUBE_BASELINE)
        return [tier.name for tier in tiers[:last] if tier.denies]

    def _in(self, tiers: Collection[str]) -> Iterator[CalicoPolicy]:
        yield from (policy for policy in self.calico if policy.tier in tiers)

    def _selects(self, policy: CalicoPolicy, pod: Pod, direction: Direction) -> bool:
        return direction in policy.directions and acts_on(self.world, policy, pod) is not False

    def _decides(self, pod: Pod, direction: Direction, tiers: Collection[str]) -> bool:
        """Whether a policy in one of these tiers selects a pod for a direction."""
        in_default = DEFAULT_TIER in tiers and (
            self.world.isolating(pod, direction)
            or any(
                rule.direction is direction
                for _, section in sections_for(self.world, pod)
                for rule in section.rules
            )
        )
        return (
            bool(in_default)
            or any(self._selects(policy, pod, direction) for policy in self._in(tiers))
            or any(
                policy.rules(direction) and selects(self.world, policy.subject, pod)
                for policy in self.world.tier_policies
                if _PLACE_OF[policy.tier] in tiers
            )
        )
