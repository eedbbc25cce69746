"""Which of expected, predicted and observed stands alone."""

from __future__ import annotations

import pytest

from npol.model.expectation import Outcome, parse_expectation
from npol.policy.simulate.compare import diagnose

CASES = [
    ("allow", Outcome.OPEN, True, ""),
    ("deny", Outcome.TIMEOUT, False, ""),
    ("allow", Outcome.TIMEOUT, False, "policy bug"),
    ("deny", Outcome.OPEN, True, "policy bug"),
    ("deny", Outcome.OPEN, False, "enforcement gap"),
    ("allow", Outcome.TIMEOUT, True, "enforcement gap"),
    ("allow", Outcome.OPEN, False, "enforcement gap"),
    ("deny", Outcome.ERROR, False, "broken probe"),
    ("allow", Outcome.ERROR, None, "broken probe"),
    ("allow", Outcome.TIMEOUT, None, ""),
    ("allow", Outcome.REFUSED, True, ""),
    ("http 504", Outcome.OPEN, True, ""),
    ("dns timeout", Outcome.DNS_TIMEOUT, False, ""),
    ("allow", Outcome.DNS_TIMEOUT, False, "policy bug"),
    ("dns negative", Outcome.DNS_NEGATIVE, True, ""),
    ("refused", Outcome.TIMEOUT, False, ""),
]


@pytest.mark.parametrize(
    ("expect", "outcome", "predicted", "diagnosis"),
    CASES,
    ids=[f"{e}-{o.value}-{p}".replace(" ", "-") for e, o, p, _ in CASES],
)
def test_diagnosis_names_what_stands_alone(expect, outcome, predicted, diagnosis):
    assert diagnose(parse_expectation(expect), outcome, predicted) == diagnosis
