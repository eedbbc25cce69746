"""What was seen for a result, and why its verdict is what it is: of flows and checks alike."""

from __future__ import annotations

from npol.model.result import CheckResult, FlowResult
from npol.report.checks import check_words
from npol.report.reasons import reason_words


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
