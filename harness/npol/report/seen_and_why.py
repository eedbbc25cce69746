"""What was expected and seen for a flow or a check, and why its verdict is what it is."""

from __future__ import annotations

from npol.model.result import CheckResult, FlowResult
from npol.report.checks import check_words, claim_words
from npol.report.reasons import reason_words


def expected_words(result: FlowResult | CheckResult) -> str:
    """`deny`, `http 200`, `1 ready on 5432`."""
    if isinstance(result, FlowResult):
        return str(result.expected)
    return claim_words(result.expected)


def seen_words(result: FlowResult | CheckResult) -> str:
    """`open`, `http 504`, `2 of 3 ready`; "" where nothing was asked."""
    if isinstance(result, FlowResult):
        return str(result.seen)
    return check_words((result.found,) if result.found else ())


def why_words(result: FlowResult | CheckResult) -> str:
    """Why it is not as expected, or what is worth knowing although it is; "" for nothing."""
    if isinstance(result, FlowResult):
        return reason_words(result.reason)
    return check_words(result.reasons)
