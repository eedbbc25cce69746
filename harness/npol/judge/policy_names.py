"""Who decides a flow, by two sources: the prediction, and what the data plane names. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from npol.model.flow_record import RecordedPolicy
from npol.model.packet_fate import Fate
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.probe import Role
from npol.model.result import Evidence

DECIDED = {
    Fate.DROPPED_BY_POLICY: PredictedDecision.DENY,
    Fate.ARRIVED: PredictedDecision.ALLOW,
}
"""Where a record names who decided, and what."""


def named(evidence: Sequence[Evidence]) -> tuple[RecordedPolicy, ...]:
    """What records of a flow's own addresses name; a default deny names nobody."""
    fates = [e.fate for e in evidence if e.fate and e.role is not Role.NAME]
    told = (p for fate in fates if fate.fate in DECIDED for p in fate.policies)
    return tuple(dict.fromkeys(told))


def not_foretold(
    evidence: Sequence[Evidence], prediction: Prediction
) -> tuple[RecordedPolicy, ...]:
    """
    Policies that records name for the very decision that is predicted, and the prediction does
    not. A name that is missing is no difference: records leave names out.
    """
    known = {(p.namespace, p.name) for p in prediction.decided_by}
    alike = [e for e in evidence if e.fate and DECIDED.get(e.fate.fate) is prediction.decision]
    return tuple(p for p in named(alike) if (p.namespace, p.name) not in known)


def is_named(claim: str, policies: Collection[RecordedPolicy]) -> bool:
    """Whether `NAME` or `NAMESPACE/NAME` is among them."""
    return any(claim in (p.name, f"{p.namespace}/{p.name}") for p in policies)
