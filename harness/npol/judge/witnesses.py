"""
What agrees with a prediction. Packets and prediction are two witnesses of one flow: what the
network did, and what the policies mean.
"""

from __future__ import annotations

from collections.abc import Collection

from npol.model.agreement import Agreement
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
    prediction: PredictedDecision, denial: Collection[Outcome], *, proxied: bool = False
) -> Agreement | None:
    """
    What agrees with a prediction; None where nothing is predicted.

    `denial` is how this network plugin answers what it denies. A denied name look-up is part
    of a denied flow: the application meets it first. `proxied`: what a proxy asks in its turn
    is predicted, too.
    """
    arrived = ARRIVED - frozenset(denial)
    silence = frozenset({*denial, Outcome.TIMEOUT, Outcome.DNS_TIMEOUT})
    return {
        PredictedDecision.ALLOW: Agreement(
            outcomes=arrived, gateway_error=False if proxied else None
        ),
        PredictedDecision.DENY: Agreement(outcomes=silence),
        PredictedDecision.DNS_TIMEOUT: Agreement(outcomes=frozenset({Outcome.DNS_TIMEOUT})),
        PredictedDecision.DENY_BEHIND_PROXY: Agreement(
            outcomes=frozenset({Outcome.OPEN}), gateway_error=True
        ),
    }.get(prediction)
