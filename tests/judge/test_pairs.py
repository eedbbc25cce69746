"""The pairs of a flow are told as one."""

from __future__ import annotations

from npol.errors import Position
from npol.judge.pairs import grouped
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.pairing import FlowGroup, FlowPair
from npol.model.result import FlowResult
from npol.model.story import Flow
from npol.report.claims import said
from npol.report.failure import failure_text
from npol.report.failure_groups import FailureGroup
from npol.report.pairs import pairs_words

HERE = Position("s.npol.yaml", 1, 1)
RIGHT, OPEN, UNKNOWN = Verdict.AS_EXPECTED, Verdict.TOO_OPEN, Verdict.UNKNOWN
DENY = parse_expectation("deny")


def together(verdicts, *, total=None, expect="deny"):
    """The one result of pairs `a -> b` with these verdicts."""
    group = FlowGroup(
        name="f",
        source="each of tenants",
        target="the others of tenants",
        peer="tenants",
        namespaces=50,
        total=total or len(verdicts),
    )
    flows = [
        Flow(
            name=f"f ({source} -> {target})",
            at=HERE,
            source=f"tenants/{source}",
            target=f"tenants/{target}",
            port=80,
            expect=parse_expectation(expect),
            group=group,
            pair=FlowPair(f"tenants/{source}", f"tenants/{target}"),
        )
        for source, target in (pair.split(" -> ") for pair in verdicts)
    ]
    results = [
        FlowResult(
            name=flow.name,
            at=HERE,
            step="s",
            source=flow.source,
            target=f"{flow.target}:80/tcp",
            expected=flow.expect,
            verdict=verdict,
            outcome=Outcome.OPEN if verdict is OPEN else Outcome.TIMEOUT,
        )
        for flow, verdict in zip(flows, verdicts.values(), strict=True)
    ]
    (result,) = grouped(flows, results)
    return result


def test_pairs_that_hold_are_one_result_and_a_count():
    result = together({"a -> b": RIGHT, "b -> a": RIGHT})

    assert (result.name, result.source, result.passed) == ("f", "each of tenants", True)
    assert result.target == "the others of tenants:80/tcp"
    assert pairs_words(result) == "50 tenants: 2 pairs, none open"


def test_the_one_pair_that_fails_is_named_in_every_line_that_tells_of_it():
    result = together({"a -> b": RIGHT, "c -> d": OPEN, "e -> f": UNKNOWN})

    assert result.verdict is OPEN
    assert [str(pair.pair) for pair in result.pairs.failing] == ["c -> d", "e -> f"]
    words = "50 tenants: 3 pairs, 1 too open: c -> d, 1 unknown: e -> f"
    assert pairs_words(result) == words
    assert said(result).endswith(f"; {words}")
    text = failure_text(FailureGroup.of(result))
    assert "c -> d  too open, seen open" in text
    assert "npol probe 'tenants/c -> tenants/d:80' --story s.npol.yaml --at s --expect deny" in text


def test_pairs_with_an_end_in_common_are_named_together():
    result = together(
        {"a -> x": OPEN, "b -> x": OPEN, "c -> x": OPEN, "d -> e": OPEN, "x -> a": RIGHT}
    )

    assert pairs_words(result) == "50 tenants: 5 pairs, 4 too open: 3 others -> x, d -> e"


def test_a_sample_is_said_to_be_one():
    result = together({"a -> b": RIGHT}, total=12_345, expect="allow")

    assert pairs_words(result) == (
        "50 tenants: 1 pair of 12,345 (a sample, the same each time), all open"
    )
