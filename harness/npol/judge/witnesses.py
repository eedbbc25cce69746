"""
Which outcomes agree with a prediction. Packets and prediction are two witnesses of one flow:
what the network did, and what the policies mean.
"""

from __future__ import annotations

from collections.abc import Collection

from npol.model.expectation import Outcome

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


def agreeing(prediction: str, denial: Collection[Outcome]) -> frozenset[Outcome] | None:
    """
    The outcomes that agree with a prediction; None where nothing is predicted.

    `denial` is how this network plugin answers what it denies. A denied name look-up is part
    of a denied flow: the application meets it first.
    """
    return {
        "allow": ARRIVED - frozenset(denial),
        "deny": frozenset({*denial, Outcome.TIMEOUT, Outcome.DNS_TIMEOUT}),
        "dns timeout": frozenset({Outcome.DNS_TIMEOUT}),
        "deny behind the proxy": frozenset({Outcome.OPEN}),
    }.get(prediction)
