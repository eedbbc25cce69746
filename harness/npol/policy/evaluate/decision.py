"""What an evaluation found: the answer, and every rule's part in it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from npol.model.causes import NotActing
from npol.model.doubt import Doubt
from npol.model.mismatch import RulePart
from npol.model.prediction import PolicyName, PredictedDecision, Prediction, UnknownReason
from npol.model.reason import Reason
from npol.policy.evaluate.calico_match import CalicoRuleFit
from npol.policy.evaluate.cilium_match import CiliumRuleFit
from npol.policy.evaluate.match import Path, both
from npol.policy.evaluate.rule_fit import LayerPolicy, RuleFit
from npol.policy.evaluate.tier_match import TierRuleFit
from npol.policy.evaluate.tiers import TierWalk
from npol.policy.objects.entities import End, Traffic
from npol.policy.objects.netpol_types import Direction
from npol.policy.parse.unsupported import OtherPolicy

LayerRuleFit = RuleFit | CiliumRuleFit | CalicoRuleFit
"""How a rule of a policy in one layer with NetworkPolicies fits."""


class LayerEnd(Enum):
    """What may come of NetworkPolicies and of what stands in one layer with them."""

    ALLOWED = auto()
    """A rule allows: no tier behind is asked."""
    DENIED = auto()
    """A rule denies, which only Cilium's do: as final."""
    CLOSED = auto()
    """The pod is isolated, and no rule fits."""
    OPEN = auto()
    """Nothing isolates the pod, and no rule fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionDecision:
    """One direction of a path: the egress of its source or the ingress of its target."""

    direction: Direction
    subject: End
    allowed: bool | None
    not_applicable: NotActing | None = None
    """Why no policy acts on it, whatever the policies say."""
    isolating: tuple[LayerPolicy, ...] = ()
    rules: tuple[LayerRuleFit, ...] = ()
    """Every rule of the isolating policies."""
    doubt: Doubt | None = None
    """What the answer hangs on, if `allowed` is None."""
    layer_ends: frozenset[LayerEnd] = frozenset()
    """More than one: what it hangs on is not known, whether or not the answer hangs on it."""
    tiers: tuple[TierWalk, ...] = ()
    """The tiers that were walked, where the cluster has policies in them."""

    def __str__(self) -> str:
        return f"{self.direction.field} of {self.subject}"

    @property
    def ends(self) -> frozenset[LayerEnd]:
        """`layer_ends`, which NetworkPolicies alone leave to what they answer."""
        if self.layer_ends:
            return self.layer_ends
        if not self.isolating:
            return frozenset({LayerEnd.OPEN})
        ways = {LayerEnd.ALLOWED: self.allowed, LayerEnd.CLOSED: self.allowed is False}
        unsure = self.allowed is None
        return frozenset(end for end, holds in ways.items() if holds or unsure)

    @property
    def unsure_rule(self) -> Doubt | None:
        """What the first rule hangs on that may or may not fit."""
        return next((fit.doubt for fit in self.rules if fit.holds is None), None)

    @property
    def tier_rule(self) -> TierRuleFit | CalicoRuleFit | None:
        """The rule of a policy in tiers that decides; None where a NetworkPolicy's does."""
        if self.allowed is None:
            return None
        return next((walk.ranked for walk in self.tiers if walk.decides), None)

    @property
    def denying(self) -> tuple[CiliumRuleFit, ...]:
        """The rules that deny it, whatever others allow."""
        return tuple(f for f in self.rules if isinstance(f, CiliumRuleFit) and f.denies and f.holds)

    @property
    def matching(self) -> tuple[LayerRuleFit, ...]:
        """The rules that allow it."""
        return tuple(f for f in self.rules if f.holds and not f.denies)

    @property
    def non_matching(self) -> tuple[RuleFit, ...]:
        """The rules of NetworkPolicies that do not fit, nearest first."""
        own = (f for f in self.rules if isinstance(f, RuleFit) and f.holds is False)
        return tuple(sorted(own, key=_distance))


def _distance(fit: RuleFit) -> tuple[int, bool]:
    return len(fit.mismatches), RulePart.KIND in fit.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class PathDecision:
    """One path, decided."""

    path: Path
    egress: DirectionDecision
    ingress: DirectionDecision

    @property
    def allowed(self) -> bool | None:
        return both([self.egress.allowed, self.ingress.allowed])

    @property
    def sides(self) -> tuple[DirectionDecision, DirectionDecision]:
        return self.egress, self.ingress


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A flow, decided under one dialect."""

    traffic: Traffic
    dialect: str
    allowed: bool | None
    paths: tuple[PathDecision, ...] = ()
    unknown: UnknownReason | None = None
    why_unknown: Reason | Doubt | None = None
    """What `unknown` is about."""
    others: tuple[OtherPolicy, ...] = ()
    """Policies that are not evaluated and may select an end."""
    by_engine: Mapping[str, bool | None] = field(default_factory=dict)
    """What each measured engine makes of it."""

    @property
    def depends_on_dialect(self) -> bool:
        """Whether the measured engines differ on this flow, by design."""
        return len(set(self.by_engine.values())) > 1

    @property
    def prediction(self) -> Prediction:
        """What it means for the flow's packets, without causes."""
        words = {True: PredictedDecision.ALLOW, False: PredictedDecision.DENY}
        return Prediction(
            decision=PredictedDecision.UNKNOWN if self.allowed is None else words[self.allowed],
            reason=self.unknown,
            detail=self.why_unknown,
            decided_by=self.decided_by,
        )

    @property
    def distinct_paths(self) -> tuple[PathDecision, ...]:
        """One path for each way of being decided: replicas repeat each other."""
        kept: dict[object, PathDecision] = {}
        for path in self.paths:
            ways = tuple(_way(side) for side in path.sides)
            kept.setdefault((ways, path.path.port), path)
        return tuple(kept.values())

    @property
    def decided_by(self) -> tuple[PolicyName, ...]:
        """The policies whose rules allow it, or that isolate the ends that refuse it."""
        if self.allowed is None:
            return ()
        sides = (s for p in self.paths for s in p.sides if not s.not_applicable)
        names = (n for s in sides if s.allowed is self.allowed for n in _deciding(s))
        return tuple(dict.fromkeys(names))


def _way(side: DirectionDecision) -> Hashable:
    """What decides a side, and how: two sides with the same are told as one."""
    fits = (side.rules, *(walk.fits for walk in side.tiers))
    return (
        side.allowed,
        side.not_applicable,
        tuple(map(str, side.isolating)),
        tuple(tuple((fit.origin, fit.holds) for fit in some) for some in fits),
    )


def _deciding(side: DirectionDecision) -> Iterator[PolicyName]:
    if fit := side.tier_rule:
        policy = fit.policy
        yield PolicyName(namespace=policy.namespace, name=policy.name, kind=policy.kind)
        return
    fits = side.denying or side.matching
    for own in [f.policy for f in fits] or side.isolating:
        yield PolicyName(namespace=own.namespace, name=own.name, kind=own.origin.kind)
