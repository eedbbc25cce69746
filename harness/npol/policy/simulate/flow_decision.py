"""The decisions on all packets that a flow sets off, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from npol.model.doubt import Doubt, DoubtCode
from npol.model.expectation import GATEWAY_ERRORS, Expectation, Outcome, Word
from npol.model.prediction import PolicyName, PredictedDecision, Prediction, UnknownReason
from npol.model.reason import Reason, ReasonCode
from npol.policy.evaluate.decision import Decision
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import Traffic
from npol.policy.simulate.flow_resolution import ResolvedFlow
from npol.policy.state.cluster_state import ClusterState

_CLOSED = (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)
_PROXYS_ONLY = ("502", "504", "50x", "5xx")
"""What an application hardly answers by itself; 503 it does, when it is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDecision:
    """A flow, decided: its own packets, the look-ups before them, the hops behind a proxy."""

    names: Sequence[Decision]
    packets: Sequence[Decision]
    behind: Sequence[Decision]
    problem: Reason | None = None
    """Why there are no packets."""
    held: bool = False
    """Whether it is a connection that is open already: it looks nothing up, and asks no proxy."""
    cuts_established: bool | None = None
    """Whether the engine cuts such a one when the policies come to deny it."""

    @property
    def resolves(self) -> bool:
        return all(d.allowed is not False for d in self.names)

    @property
    def telling(self) -> Sequence[Decision]:
        """Those that say why, the first of all first."""
        closed = [d for d in (*self.packets, *self.names, *self.behind) if not d.allowed]
        return closed or self.packets

    @property
    def prediction(self) -> Prediction:
        """What it comes to, without causes."""
        unknown = next((d.prediction for d in self.packets if d.allowed is None), None)
        if not self.packets:
            return _unknown(UnknownReason.NOT_RESOLVED, self.problem)
        if unknown:
            return unknown
        if len({d.allowed for d in self.packets}) > 1:
            if detail := _by_family(self.packets):
                decided = _decided(PredictedDecision.DIFFERS_BY_FAMILY, self.packets)
                return replace(decided, detail=detail)
            return _unknown(UnknownReason.PODS_DIFFER, Doubt(DoubtCode.PODS_DIFFER))
        if not self.packets[0].allowed:
            return self._denied
        if not self.resolves:
            return _decided(PredictedDecision.DNS_TIMEOUT, _closed(self.names))
        if self.behind:
            return replace(self._behind_proxy, proxied=True)
        return _decided(PredictedDecision.ALLOW, self.packets)

    @property
    def _behind_proxy(self) -> Prediction:
        if closed := _closed(self.behind):
            return _decided(PredictedDecision.DENY_BEHIND_PROXY, closed)
        unknown = next((d.prediction for d in self.behind if d.allowed is None), None)
        return unknown or _decided(PredictedDecision.ALLOW, self.packets)

    @property
    def _denied(self) -> Prediction:
        if self.held and self.cuts_established is None:
            return _unknown(UnknownReason.UNDEFINED_BY_SPEC, Doubt(DoubtCode.ESTABLISHED))
        lives_on = self.held and not self.cuts_established
        decision = PredictedDecision.ALLOW if lives_on else PredictedDecision.DENY
        return _decided(decision, self.packets)

    @property
    def depends_on_dialect(self) -> bool:
        """Whether engines differ on it by design."""
        denied = any(d.allowed is False for d in self.packets)
        return (self.held and denied) or any(d.depends_on_dialect for d in self.packets)

    def holds(self, expect: Expectation) -> bool | None:
        """Whether an expectation is met; None: not known."""
        return holds(expect, self.prediction.decision_for(expect), resolves=self.resolves)


def decide_flow(
    asked: ResolvedFlow,
    world: ClusterState,
    dialect: Dialect,
    how: Callable[[ClusterState, Traffic, Dialect], Decision],
) -> FlowDecision:
    """A flow with each of its packets decided by `how`: `decide` or `evaluate`."""
    names, packets, behind = (
        [how(world, t, dialect) for t in traffics]
        for traffics in (asked.lookups, asked.traffics, asked.hops)
    )
    held = bool(asked.flow.hold)
    return FlowDecision(
        names=() if held else names,
        packets=packets,
        behind=() if held else behind,
        problem=asked.problem,
        held=held,
        cuts_established=dialect.cuts_established,
    )


def _by_family(packets: Sequence[Decision]) -> Reason | None:
    """Which family is closed, where that is all that makes a difference; None otherwise."""
    answers: dict[int, set[bool | None]] = {}
    for decision in packets:
        answers.setdefault(decision.traffic.family, set()).add(decision.allowed)
    if len(answers) < 2 or any(len(found) > 1 for found in answers.values()):
        return None
    closed = next(family for family, found in answers.items() if found == {False})
    return Reason(code=ReasonCode.ONE_FAMILY_OPEN, family=closed)


def _closed(decisions: Sequence[Decision]) -> list[Decision]:
    return [d for d in decisions if d.allowed is False]


def _unknown(reason: UnknownReason, detail: Reason | Doubt | None) -> Prediction:
    return Prediction(decision=PredictedDecision.UNKNOWN, reason=reason, detail=detail)


def _decided(decision: PredictedDecision, by: Sequence[Decision]) -> Prediction:
    names: dict[PolicyName, None] = dict.fromkeys(n for d in by for n in d.decided_by)
    return Prediction(decision=decision, decided_by=tuple(names))


def holds(
    expect: Expectation, predicted: PredictedDecision, *, resolves: bool = True
) -> bool | None:
    """
    Whether a prediction is what is expected; None where it says nothing about it.

    A name that does not `resolve` denies nothing by itself: deny is about every address.
    """
    if expect.outcome is Outcome.DNS_TIMEOUT and not resolves:
        return True
    if predicted is PredictedDecision.UNKNOWN:
        return None
    if expect.word is Word.HTTP:
        if predicted is PredictedDecision.DENY_BEHIND_PROXY:
            return any(map(expect.accepts_status, GATEWAY_ERRORS))
        return predicted is PredictedDecision.ALLOW and expect.status not in _PROXYS_ONLY
    if expect.word is Word.DENY or expect.outcome in _CLOSED:
        return predicted is PredictedDecision.DENY
    if expect.word is Word.OUTCOME:
        return None if predicted is PredictedDecision.ALLOW else False
    return predicted in (PredictedDecision.ALLOW, PredictedDecision.DENY_BEHIND_PROXY)
