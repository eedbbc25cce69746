"""How long something took, and how long until it was enforced."""

from __future__ import annotations

from collections.abc import Iterable

from npol.model.enforcement import EnforcementInterval
from npol.model.expectation import Verdict
from npol.model.result import FlowResult


def enforced(results: Iterable[FlowResult]) -> str:
    """
    `enforced after 0.4 s`, when the last wrong outcome came; "" where nothing was changed. Pods
    that started after the change have a time of their own.
    """
    results = tuple(results)
    seconds = slowest(results)
    if seconds is None:
        return ""
    said = f"enforced after {span(seconds)}" if seconds else "enforced at once"
    said += _on_fresh_pods(results)
    intervals = [
        r.enforced_between
        for r in results
        if r.verdict is Verdict.AS_EXPECTED and r.enforced_between
    ]
    if not intervals:
        return said
    return f"{said} ({by_records(max(intervals, key=lambda interval: interval.until))})"


def _on_fresh_pods(results: Iterable[FlowResult]) -> str:
    leaks = [leak for r in results if r.fresh for leak in r.fresh.leaks]
    if not leaks:
        return ""
    if not all(leak.over for leak in leaks):
        return ", for fresh pods not by their last try"
    held = max(leak.began + leak.seconds for leak in leaks)
    return f", for fresh pods {span(held)} after their start"


def by_records(interval: EnforcementInterval) -> str:
    """`by records 0.12 s to 0.14 s after the change, clocks +-3 ms`."""
    error = f"clocks +-{span(interval.clock_error)}"
    return f"by records {span(interval.after)} to {span(interval.until)} after the change, {error}"


def span(seconds: float) -> str:
    """`40 ms`, `2.1 s`."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def slowest(results: Iterable[FlowResult]) -> float | None:
    """The time to enforce of a step, in seconds: of those flows that came true the slowest's."""
    times = (r.enforced_after for r in results if r.verdict is Verdict.AS_EXPECTED)
    return max((t for t in times if t is not None), default=None)
