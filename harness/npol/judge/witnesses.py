"""
Which outcomes agree with a prediction. Packets and prediction are two witnesses of one flow:
what the network did, and what the policies mean.
"""

from __future__ import annotations

from collections.abc import Collection

from npol.model.expectation import Outcome
from npol.model.prediction import PredictedDecision

ARRIVED = frozenset(
    {
        Outcome.OPEN,
        Outcome.REFUSED,
        Outcome.RESET,
        Outcome.UNREACHABLE,
        Outcome.DNS_NEGATIVE,
    }
)
"""Somebody answered: what a flow that the policies let through may meet."""


def agreeing(
    prediction: PredictedDecision, denial: Collection[Outcome]
) -> frozenset[Outcome] | None:
    """
    The outcomes that agree with a prediction; None where nothing is predicted.

    `denial` is how this network plugin answers what it denies. A denied name look-up is part
    of a denied flow: the application meets it first.
    """
    return {
        PredictedDecision.ALLOW: ARRIVED - frozenset(denial),
        PredictedDecision.DENY: frozenset({*denial, Outcome.TIMEOUT, Outcome.DNS_TIMEOUT}),
        PredictedDecision.DNS_TIMEOUT: frozenset({Outcome.DNS_TIMEOUT}),
        PredictedDecision.DENY_BEHIND_PROXY: frozenset({Outcome.OPEN}),
    }.get(prediction)
