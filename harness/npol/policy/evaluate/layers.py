"""
The tiers around NetworkPolicies, and those that they stand in, for one direction of a path.

With ClusterNetworkPolicies alone: Admin, then NetworkPolicies, which are final where one isolates
the pod, then Baseline. With Calico's own policies: its tiers by order; NetworkPolicies stand in its
default tier at order 1000, ClusterNetworkPolicies in kube-admin and kube-baseline. Behind the last
tier a pod is open. Source: projectcalico/calico felix/calc/policy_sorter.go, felix/rules/
endpoints.go (end of a tier), libcalico-go/lib/backend/k8s/conversion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from npol.model.doubt import Doubt, DoubtCode
from npol.policy.evaluate.calico_match import CalicoRuleFit, acts_on, fit_calico_rule
from npol.policy.evaluate.decision import DirectionDecision, LayerEnd, LayerRuleFit
from npol.policy.evaluate.match import Fit, Path
from npol.policy.evaluate.rule_fit import LayerPolicy, RuleFit
from npol.policy.evaluate.tier_match import TierRuleFit, selects
from npol.policy.evaluate.tiers import (
    Action,
    TieredFit,
    TierWalk,
    ranks_of,
    tier_rules,
    walk,
    walk_ranks,
)
from npol.policy.objects.calico_types import (
    DEFAULT_TIER,
    KUBE_ADMIN,
    KUBE_BASELINE,
    NETWORK_POLICY_ORDER,
    CalicoPolicy,
    CalicoTier,
)
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Policy
from npol.policy.objects.tier_types import RuleAction, Tier, TierPolicy
from npol.policy.state.cluster_state import ClusterState

CLUSTER_TIERS = {KUBE_ADMIN: Tier.ADMIN, KUBE_BASELINE: Tier.BASELINE}
"""The tiers of Calico's that ClusterNetworkPolicies stand in."""


def in_tiers(
    world: ClusterState,
    below: DirectionDecision,
    pod: Pod,
    path: Path,
    dialect: Dialect,
    exempt: Doubt | None,
) -> DirectionDecision:
    """
    Admin before NetworkPolicies; Baseline where none of those isolates the pod.

    `exempt`: what may keep policies from acting on this direction.
    """
    walks = [walk(world, Tier.ADMIN, pod, below.direction, path, dialect)]
    behind: set[bool | None] = {_ANSWERS[end] for end in below.ends if end in _ANSWERS}
    if below.ends & {LayerEnd.OPEN, LayerEnd.CLOSED}:
        last = walk(world, Tier.BASELINE, pod, below.direction, path, dialect)
        behind |= _behind(below, last, dialect)
        opens = dialect.baseline_opens_isolated and RuleAction.ACCEPT in last.actions
        if LayerEnd.OPEN in below.ends or opens:
            walks.append(replace(last, isolated=LayerEnd.OPEN not in below.ends))
    passing = _closing_pass(world, below, pod, path, dialect)
    if passing:
        behind.add(False)
        walks.append(passing)
    answers = _through(walks[0].actions, behind)
    allowed = answers.pop() if len(answers) == 1 else None
    if exempt and not allowed and below.ends != {LayerEnd.DENIED}:
        allowed = None
    doubts = (exempt, *(w.doubt for w in walks), below.doubt, below.unsure_rule)
    above = walks[0].decides
    outranked = above or (behind == {True} and _opened(below, walks))
    return replace(
        below,
        allowed=allowed,
        isolating=() if outranked else below.isolating,
        rules=() if outranked else below.rules,
        doubt=next(filter(None, doubts), None) if allowed is None else None,
        tiers=tuple(walks[:1] if above else walks),
    )


_ANSWERS = {LayerEnd.ALLOWED: True, LayerEnd.DENIED: False}
"""The ends that no tier behind is asked about."""


def _behind(below: DirectionDecision, last: TierWalk, dialect: Dialect) -> set[bool | None]:
    """What the Baseline tier makes of what NetworkPolicies leave open, or close by isolating."""
    answers: set[bool | None] = set()
    if LayerEnd.OPEN in below.ends:
        answers |= _through(last.actions, {True})
    if LayerEnd.CLOSED in below.ends:
        opens = dialect.baseline_opens_isolated
        answers |= {opens and action is RuleAction.ACCEPT for action in last.actions}
    return answers


def _closing_pass(
    world: ClusterState, below: DirectionDecision, pod: Pod, path: Path, dialect: Dialect
) -> TierWalk | None:
    """The first Pass in the Baseline tier that may close what NetworkPolicies let through."""
    if not (dialect.baseline_pass_may_close and below.isolating and LayerEnd.ALLOWED in below.ends):
        return None
    ranks = ranks_of(world, Tier.BASELINE, pod, below.direction, path, dialect)
    fits = (fit for rank in ranks for rules in rank for fit in rules)
    first = next((f for f in fits if f.holds is not False and f.action is RuleAction.PASS), None)
    if first is None:
        return None
    doubt = Doubt(DoubtCode.BASELINE_PASS, first.origin.of_policy, (dialect.name,))
    return TierWalk(tier=Tier.BASELINE.value, fits=(first,), doubt=doubt, isolated=True)


def _opened(below: DirectionDecision, walks: Sequence[TierWalk]) -> bool:
    """Whether the Baseline tier opens what NetworkPolicies close."""
    return LayerEnd.CLOSED in below.ends and len(walks) > 1


def _through(actions: Iterable[Action], behind: set[bool | None]) -> set[bool | None]:
    """What may come of a tier, where `behind` may come of what it hands on."""
    answers: set[bool | None] = set()
    for action in actions:
        decided = action in (RuleAction.ACCEPT, RuleAction.DENY)
        answers |= {action is RuleAction.ACCEPT} if decided else behind
    return answers


def in_calico_tiers(
    world: ClusterState,
    below: DirectionDecision,
    pod: Pod,
    path: Path,
    dialect: Dialect,
    exempt: Doubt | None,
) -> DirectionDecision:
    """
    Every tier by order, with NetworkPolicies in the default one.

    `exempt`: what may keep policies from acting on this direction.
    """
    side = _Side(world, below, pod, path, dialect)
    walks = [*side.walks()]
    answers: set[bool | None] = {True}
    for one in reversed(walks):
        answers = _through(one.actions, answers)
    missing = side.tier_not_seen()
    allowed = answers.pop() if len(answers) == 1 and not missing else None
    allowed = None if exempt and not allowed else allowed
    doubts = filter(None, (missing, exempt, *(one.doubt for one in walks)))
    last = walks[-1] if walks and not walks[-1].ranked else TierWalk(tier=DEFAULT_TIER)
    return replace(
        below,
        allowed=allowed,
        isolating=last.closing,
        rules=tuple(fit for fit in last.fits if last.closing and not isinstance(fit, TierRuleFit)),
        doubt=next(doubts, None) if allowed is None else None,
        tiers=tuple(walks),
    )


_Placed = tuple[tuple[float, str], LayerPolicy | TierPolicy, Iterable[TieredFit]]
"""A policy: where it stands in its tier, and its rules."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction of a path, for a pod at its end."""

    world: ClusterState
    below: DirectionDecision
    pod: Pod
    path: Path
    dialect: Dialect

    def walks(self) -> Iterator[TierWalk]:
        """The tiers whose policies select the pod, up to one that decides for sure."""
        acting = [*self._acting()]
        for tier in self.world.calico_tiers_in_order:
            own = [(policy, sure) for policy, sure in acting if policy.tier == tier.name]
            found = self._walk(tier, own)
            if found.fits or found.closing or found.passing or found.doubt:
                yield found
            if found.decides:
                return

    def _acting(self) -> Iterator[tuple[CalicoPolicy, bool]]:
        """Those that select the pod for the direction, and whether that is sure."""
        for policy in self.world.calico_policies_in(self.pod.namespace):
            if self.below.direction in policy.directions:
                acts = acts_on(self.world, policy, self.pod)
                if acts is not False:
                    yield policy, acts is True

    def tier_not_seen(self) -> Doubt | None:
        known = {tier.name for tier in self.world.calico_tiers_in_order}
        strays = (policy for policy, _ in self._acting() if policy.tier not in known)
        first = next(strays, None)
        return Doubt(DoubtCode.TIER_NOT_SEEN, str(first), (first.tier,)) if first else None

    def _walk(self, tier: CalicoTier, acting: Sequence[tuple[CalicoPolicy, bool]]) -> TierWalk:
        placed: list[_Placed] = [
            (policy.place, policy, self._rules(policy, sure)) for policy, sure in acting
        ]
        if tier.name == DEFAULT_TIER:
            placed += self._network_policies()
        placed += self._cluster_policies(tier.name)
        placed.sort(key=lambda one: one[0])
        unsure = {str(policy) for policy, sure in acting if not sure}
        closing = [
            policy
            for _, policy, _ in placed
            if tier.denies and not isinstance(policy, TierPolicy) and str(policy) not in unsure
        ]
        doubtful = next((policy for policy, sure in acting if not sure), None)
        return walk_ranks(
            tier.name,
            ([rules] for _, _, rules in placed),
            closing=closing,
            passing=bool(acting) and not tier.denies,
            unsure=self._account_not_seen(doubtful) if doubtful and tier.denies else None,
        )

    def _rules(self, policy: CalicoPolicy, sure: bool) -> Iterator[CalicoRuleFit]:
        for rule in policy.rules(self.below.direction):
            if rule.action is not RuleAction.LOG:
                fit = fit_calico_rule(self.world, policy, rule, self.path)
                yield fit if sure else self._perhaps(fit)

    def _perhaps(self, fit: CalicoRuleFit) -> CalicoRuleFit:
        if not fit.holds:
            return fit
        doubt = self._account_not_seen(fit.policy)
        return replace(fit, holds=None, peer_fit=Fit(None, doubt=doubt))

    def _account_not_seen(self, policy: CalicoPolicy) -> Doubt:
        account = f"{self.pod.namespace}/{self.pod.service_account}"
        return Doubt(DoubtCode.ACCOUNT_NOT_SEEN, account, (str(policy),))

    def _network_policies(self) -> Iterator[_Placed]:
        for policy in self.below.isolating:
            if isinstance(policy, Policy):
                rules = [fit for fit in self.below.rules if fit.policy is policy]
                yield place_of(policy), policy, _of_network_policy(rules)

    def _cluster_policies(self, tier: str) -> Iterator[_Placed]:
        for policy in self.world.tier_policies if tier in CLUSTER_TIERS else ():
            acts = policy.tier is CLUSTER_TIERS[tier] and policy.rules(self.below.direction)
            if acts and selects(self.world, policy.subject, self.pod):
                direction, path = self.below.direction, self.path
                rules = tier_rules(self.world, policy, direction, path, self.dialect)
                yield place_of(policy), policy, rules


def place_of(policy: Policy | TierPolicy | CalicoPolicy) -> tuple[float, str]:
    """Where a policy stands in its tier of Calico's; a tie of orders goes by name."""
    if isinstance(policy, CalicoPolicy):
        return policy.place
    if isinstance(policy, TierPolicy):
        return float(policy.priority), f"{policy.name}//KubernetesClusterNetworkPolicy"
    return NETWORK_POLICY_ORDER, f"{policy.name}/{policy.namespace}/KubernetesNetworkPolicy"


def _of_network_policy(rules: Iterable[LayerRuleFit]) -> Iterator[RuleFit]:
    yield from (fit for fit in rules if isinstance(fit, RuleFit))
