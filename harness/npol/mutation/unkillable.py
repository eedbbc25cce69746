"""Why packets cannot prove a difference that the policies make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from npol.model.story import Protocol
from npol.mutation.candidate_flows import CandidateFlows
from npol.policy.matrix.diff import Difference
from npol.policy.objects.entities import ExternalEndpoint

MOST = 2
"""Examples in one sentence."""


def why_unkillable(found: Sequence[Difference], meetings: CandidateFlows) -> str:
    """One sentence for each kind of trouble, with examples; "" without differences."""
    troubles: dict[str, dict[str, None]] = {}
    for one in found:
        trouble, example = _trouble(one, meetings)
        troubles.setdefault(trouble, {})[example] = None
    return "; ".join(f"{trouble} {_few(examples)}" for trouble, examples in troubles.items())


def _trouble(one: Difference, meetings: CandidateFlows) -> tuple[str, str]:
    pods = [s for s in one.sources if not isinstance(s, ExternalEndpoint)]
    ports = ", ".join(one.ports)
    if isinstance(one.target, ExternalEndpoint):
        return _of_place(meetings), f"{one.target} {ports}"
    if not pods:
        return "no peer is known to ask from", str(one.sources[0])
    if not any(s.first.namespace in meetings.homes for s in pods):
        return "the story runs no pods in", pods[0].first.namespace
    if all(p.transport is not Protocol.TCP for p in one.numbers):
        return "nothing is known to answer at", f"{one.target} {ports}"
    return "no step shows first what is there without the policy:", f"{one.target} {ports}"


def _of_place(meetings: CandidateFlows) -> str:
    if not meetings.places:
        return "no peer is known to answer at"
    return f"only the cluster knows whether {' or '.join(meetings.places)} is at"


def _few(examples: Iterable[str]) -> str:
    listed = list(examples)
    more = f" and {len(listed) - MOST} more" if len(listed) > MOST else ""
    return ", ".join(listed[:MOST]) + more
