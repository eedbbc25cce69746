"""No verdict that is not true: generated worlds whose network lies, told by the real judge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from npol.model.expectation import Verdict
from tests.judge.lying_world import (
    NEVER,
    QUIET,
    UNKNOWN,
    RecordFaults,
    Teller,
    Window,
    World,
)

PARTS = 10
"""Of the long run: each is a test of its own, so that memory stays flat."""
ENDS_BY = 20.0
"""Seconds into the step by which a lie ends that must be found out."""
STARVES = 0.9
"""Seconds that a source starves at once: errors for two seconds are final, in a row."""
LATE = st.sampled_from([0.0, 0.1, 0.9, 1.0, 1.1, 3.0, 7.5, 20.0])
DIFFERS = (Verdict.TOO_OPEN, Verdict.TOO_CLOSED, Verdict.FLAPPING)


@st.composite
def windows(draw, *, longest=ENDS_BY):
    start = draw(st.floats(0.0, ENDS_BY))
    return Window(start, min(ENDS_BY, start + draw(st.floats(0.1, longest))))


@st.composite
def record_faults(draw):
    """Some of them at once, or none: then records are prompt and whole."""
    return RecordFaults(
        late=draw(st.sampled_from([0.005, 0.005, 0.3, 5.0])),
        jitter=draw(st.sampled_from([(0.0,), (0.0,), (0.2, 0.0), (3.0, 0.1, 0.0)])),
        lost=draw(st.sampled_from([0, 0, 0, 1, 2, 3])),
        loss_told=draw(st.booleans()),
        doubled=draw(st.booleans()),
        foreign=draw(st.booleans()),
        old_labels=draw(st.just(NEVER) | st.just(NEVER) | windows()),
    )


@st.composite
def worlds(draw, *, lasting=False, records=False):
    """
    `lasting`: lies may have no end, and enforcement may never come; `records`: they are told.
    """
    count = draw(st.integers(1, 3))
    one = st.booleans()
    uniform = one.map(lambda b: (b,) * count)
    each = st.tuples(*[one] * count)
    foretold = draw(st.integers(0, 3)) > 0
    known = st.floats(0.0, 0.9 * QUIET)
    late = (st.just(math.inf) | LATE if lasting else LATE) if foretold else known
    lie = windows() if not lasting else windows() | windows().map(lambda w: Window(w.start, 1e9))
    kind = draw(st.sampled_from(["none", "silent", "dead"]))
    lied = draw(lie)
    return World(
        before=draw(uniform),
        after=draw(uniform | each if not foretold else uniform),
        expect=draw(st.sampled_from(["allow", "deny"])),
        service=draw(one),
        foretold=foretold,
        witness=draw(one),
        delays=tuple(draw(late) for _ in range(count)),
        **({kind: lied} if kind != "none" else {}),
        node=draw(one),
        beside=draw(one),
        proven=not foretold or draw(one),
        starved=draw(st.lists(windows(longest=STARVES), max_size=2)),
        foreign=draw(st.just(math.inf) | st.floats(0.01, ENDS_BY)),
        records=draw(record_faults()) if records else None,
    )


def named(world: World) -> bool:
    """
    What is not found out: a source that was proven, and that the policies are not known to let
    anything through from, falls silent after its proof, alone of its node.
    """
    alone = world.silent is not NEVER and not (world.node and world.beside)
    return world.expect == "deny" and alone and not world.witness


def true_in(world: World) -> None:
    """
    Each lie has an end, so the verdict is the true one, and not `unknown`: not with records either,
    unless packets alone do not come to one.
    """
    told = Teller(world).tell()
    if world.records and told.verdict is Verdict.UNKNOWN:
        alone = Teller(replace(world, records=None)).tell()
        assert alone.verdict is Verdict.UNKNOWN, f"unknown with records only: {told}"
    elif world.foreign <= told.seconds:
        assert told.verdict is Verdict.INVALID, told
    elif world.holds:
        assert told.verdict is Verdict.AS_EXPECTED, told
    elif not (named(world) and world.prediction is UNKNOWN):
        assert told.verdict in DIFFERS, told


def never_wrong_in(world: World) -> None:
    """Lies without an end may leave things unknown, and never pass what is not so."""
    told = Teller(world).tell()
    if not (world.holds or named(world)):
        assert told.verdict is not Verdict.AS_EXPECTED, told


def run(
    check: Callable[[World], None], drawn: st.SearchStrategy[World], examples: int, part: int
) -> None:
    """Hypothesis keeps what it has seen for as long as it runs: a part has few examples."""

    @seed(part)
    @settings(max_examples=examples, deadline=None, database=None)
    @given(drawn)
    def claim(world: World) -> None:
        check(world)

    claim()


CLAIMS = pytest.mark.parametrize(
    ("check", "lasting"),
    [
        pytest.param(true_in, False, id="lies-end"),
        pytest.param(never_wrong_in, True, id="lies-last"),
    ],
)


RECORDS = pytest.mark.parametrize("records", [False, True], ids=["packets-only", "with-records"])


@CLAIMS
@RECORDS
def test_a_lying_network_gets_no_false_verdict(check, lasting, records):
    run(check, worlds(lasting=lasting, records=records), 100, PARTS)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
@CLAIMS
@RECORDS
def test_twenty_thousand_lying_worlds_get_no_false_verdict(check, lasting, part, records):
    drawn = Counter()

    def counted(world: World) -> None:
        drawn.update(faults_of(world))
        check(world)

    run(counted, worlds(lasting=lasting, records=records), 20_000 // PARTS // 2, part)

    rare = {fault: times for fault, times in drawn.items() if times < 1_000 // PARTS // 2}
    assert rare == {}


def faults_of(world: World) -> dict[str, int]:
    """The records' own, of which each must have had its chance: 1 where it is there."""
    if world.records is None:
        return {}
    told = world.records
    found = {
        "late": told.late == 5.0,
        "reordered": len(told.jitter) > 1,
        "lost, told": bool(told.lost) and told.loss_told,
        "lost, untold": bool(told.lost) and not told.loss_told,
        "doubled": bool(told.doubled),
        "foreign": bool(told.foreign),
        "old labels": told.old_labels is not NEVER,
    }
    return {fault: int(there) for fault, there in found.items()}
