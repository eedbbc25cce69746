"""What watched flows did, as text: each turn while it is seen, and all gaps at the end."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.gap import FlowTurn, Gap, GapKind, WatchedFlow, WatchResult
from npol.report.escape import safe
from npol.report.symbols import Line, StyledText, Tone

_TONES = {
    GapKind.OPEN: Tone.WRONG,
    GapKind.CLOSED: Tone.WRONG,
    GapKind.WRONG_ANSWER: Tone.WRONG,
    GapKind.NOT_SEEN: Tone.UNKNOWN,
}
MOST_GAPS = 20
"""Of one flow; the JSON has all."""


def turn_line(turn: FlowTurn) -> Line:
    """`09:14:02.512  web -> db:5432  closed, expected allow`."""
    at = turn.time.partition("T")[2][:12]
    if turn.saw is None:
        said = StyledText(f"{turn.expected} again, after {turn.lasted:.1f} s", Tone.OPEN)
    else:
        words = f"{turn.saw.value}, expected {turn.expected}"
        said = StyledText(words, _TONES[turn.saw])
    return (StyledText(f"  {at}  ", Tone.FAINT), StyledText(f"{safe(turn.flow)}  "), said)


def watch_lines(watch: WatchResult) -> Iterator[Line]:
    """The whole time in a line, then each flow that was otherwise."""
    yield ()
    yield (StyledText(watch_line(watch), Tone.HEAD),)
    for flow in watch.flows:
        if flow.gaps:
            yield from _flow(flow)


def watch_line(watch: WatchResult) -> str:
    """`watched for 600.0 s: 11 of 12 flows as expected or within their budgets`."""
    good = sum(not flow.over_budget and not flow.unseen for flow in watch.flows)
    forgiven = any(flow.gaps and not flow.over_budget for flow in watch.flows)
    within = " or within their budgets" if forgiven else ""
    return (
        f"watched for {watch.seconds:.1f} s: "
        f"{good} of {len(watch.flows)} flows as expected all the time{within}"
    )


def _flow(flow: WatchedFlow) -> Iterator[Line]:
    over = flow.over_budget
    tone = Tone.WRONG if over else Tone.UNKNOWN if flow.unseen else Tone.PLAIN
    head = f"  {safe(flow.name)}, expected {flow.expected}: "
    yield (StyledText(head), StyledText(gaps_in_words(flow), tone))
    for gap in flow.gaps[:MOST_GAPS]:
        yield (StyledText(f"    {gap_words(gap)}", Tone.FAINT),)
    if rest := flow.gaps[MOST_GAPS:]:
        yield (StyledText(f"    and {len(rest)} more", Tone.FAINT),)


def gaps_in_words(flow: WatchedFlow) -> str:
    """`closed for 2.4 s in all, 0.0 s allowed`, each way in which it was otherwise."""
    said = []
    for kind in dict.fromkeys(gap.kind for gap in flow.gaps):
        words = f"{kind.value} for {flow.seconds(kind):.1f} s in all"
        if kind is not GapKind.NOT_SEEN:
            words += f", {flow.budget.for_kind(kind):.1f} s allowed"
        said.append(words)
    return "; ".join(said)


def gap_words(gap: Gap) -> str:
    """`closed at 12.3 s for 1.8 s (1.7 s to 1.9 s)`."""
    over = "" if gap.over else ", to the end"
    return (
        f"{gap.kind.value} at {gap.began:.1f} s for {gap.seconds:.1f} s "
        f"({gap.at_least:.1f} s to {gap.at_most:.1f} s){over}"
    )
