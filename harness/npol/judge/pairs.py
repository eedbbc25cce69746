"""What the pairs of a flow between selected namespaces come to: one result, as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from npol.judge.source_pods import WORST_FIRST
from npol.model.pairing import FlowGroup, FlowPair
from npol.model.pairs import PairResult, PairsResult
from npol.model.result import FlowResult
from npol.model.story import Flow

Asked = tuple[FlowPair, FlowResult]
"""A pair, and what became of it."""


def grouped(flows: Iterable[Flow], results: Iterable[FlowResult]) -> Iterator[FlowResult]:
    """
    One result for each flow as it is written, in the order of the first pair of each.

    `flows`: those that the results are of, one by one.
    """
    groups: dict[str, tuple[FlowGroup, list[Asked]]] = {}
    alone: dict[str, FlowResult] = {}
    for flow, result in zip(flows, results, strict=True):
        alone[flow.told_as] = result
        if flow.group and flow.pair:
            groups.setdefault(flow.told_as, (flow.group, []))[1].append((flow.pair, result))
    for name, result in alone.items():
        yield _together(*groups[name]) if name in groups else result


def _together(group: FlowGroup, pairs: Sequence[Asked]) -> FlowResult:
    """As the worst of its pairs is; as expected only where each of them is."""
    ranked = sorted(pairs, key=lambda p: (p[1].passed, WORST_FIRST.index(p[1].verdict)))
    shown, worst = ranked[0]
    results = [result for _, result in pairs]
    return replace(
        worst,
        name=group.name,
        source=group.source,
        target=_target(group, worst),
        by_pod=worst.by_pod if not worst.passed else (),
        rounds=max(r.rounds for r in results),
        enforced_after=max(
            (r.enforced_after for r in results if r.enforced_after is not None), default=None
        ),
        settled_after=max(r.settled_after for r in results),
        pairs=PairsResult(
            peer=group.peer,
            namespaces=group.namespaces,
            asked=sum(not r.skipped for r in results),
            total=group.total,
            shown=shown,
            failing=tuple(_of_pair(pair, r) for pair, r in ranked if not r.passed),
        ),
    )


def _target(group: FlowGroup, worst: FlowResult) -> str:
    """With the port, as every result has it; a look-up's is the name that it asks for."""
    if not group.target:
        return worst.target
    return f"{group.target}:{worst.target.rpartition(':')[2]}"


def _of_pair(pair: FlowPair, result: FlowResult) -> PairResult:
    return PairResult(
        pair=pair,
        verdict=result.verdict,
        outcome=result.outcome,
        status=result.status,
        reason=result.reason,
    )
