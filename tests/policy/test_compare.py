"""Which of expected, predicted and observed stands alone."""

from __future__ import annotations

import pytest

from npol.model.expectation import Outcome, parse_expectation
from npol.model.result import Diagnosis
from npol.policy.simulate.compare import diagnose

CASES = [
    ("allow", Outcome.OPEN, True, Diagnosis.NONE),
    ("deny", Outcome.TIMEOUT, False, Diagnosis.NONE),
    ("allow", Outcome.TIMEOUT, False, Diagnosis.POLICY_BUG),
    ("deny", Outcome.OPEN, True, Diagnosis.POLICY_BUG),
    ("deny", Outcome.OPEN, False, Diagnosis.ENFORCEMENT_GAP),
    ("allow", Outcome.TIMEOUT, True, Diagnosis.ENFORCEMENT_GAP),
    ("allow", Outcome.OPEN, False, Diagnosis.ENFORCEMENT_GAP),
    ("deny", Outcome.ERROR, False, Diagnosis.BROKEN_PROBE),
    ("allow", Outcome.ERROR, None, Diagnosis.BROKEN_PROBE),
    ("allow", Outcome.TIMEOUT, None, Diagnosis.NONE),
    ("allow", Outcome.REFUSED, True, Diagnosis.NONE),
    ("http 504", Outcome.OPEN, True, Diagnosis.NONE),
    ("dns timeout", Outcome.DNS_TIMEOUT, False, Diagnosis.NONE),
    ("allow", Outcome.DNS_TIMEOUT, False, Diagnosis.POLICY_BUG),
    ("dns negative", Outcome.DNS_NEGATIVE, True, Diagnosis.NONE),
    ("refused", Outcome.TIMEOUT, False, Diagnosis.NONE),
]


@pytest.mark.parametrize(
    ("expect", "outcome", "predicted", "diagnosis"),
    CASES,
    ids=[f"{e}-{o.value}-{p}".replace(" ", "-") for e, o, p, _ in CASES],
)
def test_diagnosis_names_what_stands_alone(expect, outcome, predicted, diagnosis):
    assert diagnose(parse_expectation(expect), outcome, predicted) is diagnosis
