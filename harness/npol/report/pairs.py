"""The pairs of a flow between selected namespaces, in words: a count, and those that fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from npol.model.expectation import Word
from npol.model.pairing import short_end
from npol.model.pairs import PairResult, PairsResult
from npol.model.result import FlowResult
from npol.report.escape import safe

FEW = 3
"""Failing ends that are named in one line."""
ALIKE = 3
"""Failing pairs of one namespace from which on they are told together."""


def pairs_lines(results: Sequence[FlowResult]) -> Iterator[tuple[FlowResult, str]]:
    """What is said of each flow of a step with pairs; of several, with its target."""
    paired = [result for result in results if pairs_words(result)]
    for result in paired:
        aside = f" ({safe(result.target.removesuffix('/tcp'))})" if len(paired) > 1 else ""
        yield result, pairs_words(result, aside)


def pairs_words(result: FlowResult, aside: str = "") -> str:
    """
    `50 tenants: 2,450 pairs, none open`, `...: 1 too open: tenant-07 -> tenant-31`; "" of a flow
    between ordinary peers, or one that was not asked. `aside`: said behind the count.
    """
    pairs = result.pairs
    if pairs is None or result.skipped:
        return ""
    return f"{_counted(pairs)}{aside}, {', '.join(_failing(pairs)) or _all_alike(result)}"


def pair_rows(pairs: PairsResult) -> Iterator[str]:
    """Every pair that failed, those of one namespace together: `tenant-07 -> 49 others`."""
    groups = list(_by_end(pairs.failing))
    width = max((len(_name(group)) for group in groups), default=0)
    for group in groups:
        first = group[0]
        said = f"{first.verdict.value}, seen {safe(str(first.seen)) or 'nothing'}"
        yield f"{_name(group):<{width}}  {said}"


def _counted(pairs: PairsResult) -> str:
    asked = f"{pairs.asked:,} pair{'s' if pairs.asked != 1 else ''}"
    if pairs.asked < pairs.total:
        asked = f"{asked} of {pairs.total:,} (a sample, the same each time)"
    return f"{pairs.namespaces:,} {safe(pairs.peer)}: {asked}"


def _all_alike(result: FlowResult) -> str:
    if result.expected.held:
        return f"all as expected ({result.expected})"
    if result.expected.closed:
        return "none open"
    return "all open" if result.expected.word is Word.ALLOW else "all as expected"


def _failing(pairs: PairsResult) -> Iterator[str]:
    """`2 too open: a -> b, c -> d`."""
    for verdict, count in Counter(pair.verdict for pair in pairs.failing).items():
        named = [_name(g) for g in _by_end([p for p in pairs.failing if p.verdict is verdict])]
        more = f" and {len(named) - FEW} more" if named[FEW:] else ""
        yield f"{count:,} {verdict.value}: {', '.join(named[:FEW])}{more}"


def _name(group: Sequence[PairResult]) -> str:
    """`a -> b`, `a -> 49 others`, `49 others -> b`."""
    first = group[0].pair
    if len(group) == 1:
        return safe(str(first))
    if len({one.pair.source for one in group}) == 1:
        return f"{safe(short_end(first.source))} -> {len(group)} others"
    return f"{len(group)} others -> {safe(short_end(first.target))}"


def _by_end(failing: Sequence[PairResult]) -> Iterator[list[PairResult]]:
    """Those with one verdict and one end in common together, the most first; then each alone."""
    left = list(failing)
    while left:
        ends = Counter(end for one in left for end in _ends(one))
        end, count = ends.most_common(1)[0] if ends else ((), 0)
        if count < ALIKE:
            break
        yield [one for one in left if end in _ends(one)]
        left = [one for one in left if end not in _ends(one)]
    yield from ([one] for one in left)


def _ends(one: PairResult) -> tuple[tuple[object, ...], ...]:
    """What it may have in common with others; a look-up has one end only."""
    if not one.pair.target:
        return ()
    return (("from", one.pair.source, one.verdict), ("to", one.pair.target, one.verdict))
