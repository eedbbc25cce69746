"""What a watched flow is asked each time, and which of several answers tells of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from npol.judge.tries import SECOND_SYN, Try, try_of
from npol.model.expectation import Expectation
from npol.model.gap import GapKind
from npol.model.probe import ADDRESSES, Answer, Probe


def watched_probes(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    """
    Of the probes of a flow those that an application depends on: the Service's addresses, else
    the pods' or the place's; a look-up where that is all that is asked.
    """
    for role in ADDRESSES:
        if chosen := tuple(p for p in probes if p.role is role):
            return chosen
    return tuple(probes)


def telling_try(expectation: Expectation, answers: Iterable[Answer], asked_at: float) -> Try | None:
    """
    The try of one round: of an address that is not as expected, if there is one.

    None where nobody knows: an answer that tells nothing (`try_of`) leaves open what its source, or
    its address, would have shown, however the others fared.
    """
    told = [try_of(expectation, answer, asked_at) for answer in answers]
    worst = max(filter(None, told), key=_weight, default=None)
    otherwise = worst is not None and worst.saw is not None
    return worst if otherwise or None not in told else None


def _weight(one: Try) -> int:
    return 0 if one.saw is None else 1 if one.saw is GapKind.NOT_SEEN else 2


def timeout_of(flow_timeout: float, *, http: bool) -> float:
    """
    Seconds for which a try is waited for: less than a second SYN takes, so that silence tells of
    one instant; a web server may think for as long as the story lets it.
    """
    return flow_timeout if http else min(flow_timeout, SECOND_SYN)
