"""Expected, predicted, observed: which of the three stands alone."""

from __future__ import annotations

from npol.model.expectation import Expectation, Outcome, Word
from npol.model.result import Diagnosis

_OBSERVED = {
    Outcome.OPEN: True,
    Outcome.DNS_NEGATIVE: True,  # a server answered: the packets went both ways
    Outcome.TIMEOUT: False,
    Outcome.DNS_TIMEOUT: False,
    Outcome.UNREACHABLE: False,
}
"""What an outcome says of the packets. REFUSED and RESET come from hosts as well as from
policies that reject, so they say nothing by themselves."""


def diagnose(expect: Expectation, outcome: Outcome, predicted: bool | None) -> Diagnosis:
    """
    Which of expected, predicted and observed stands alone, if one does.

    `predicted`: whether the policies let the packets through; None: not known.
    """
    if outcome is Outcome.ERROR:
        return Diagnosis.BROKEN_PROBE
    observed = _OBSERVED.get(outcome)
    if observed is None or predicted is None:
        return Diagnosis.NONE
    if observed is not predicted:
        return Diagnosis.ENFORCEMENT_GAP
    return Diagnosis.POLICY_BUG if observed is not _wanted(expect) else Diagnosis.NONE


def _wanted(expect: Expectation) -> bool:
    """Whether the packets should pass; a gateway's own 504 came back through an open flow."""
    if expect.word is Word.OUTCOME and expect.outcome is not None:
        return _OBSERVED.get(expect.outcome, False)
    return expect.word is not Word.DENY
