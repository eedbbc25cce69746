"""
Whole runs on terminals of three widths, with colours and without, as files to look at.

Written anew by `NPOL_SNAPSHOTS=write pytest tests/report/test_snapshots.py`; the change is then
looked at in the diff.
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from npol.errors import Position
from npol.model.causes import Cause
from npol.model.expectation import Outcome, Verdict
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.result import Diagnosis
from npol.model.sentence import Sentence
from npol.report.terminal import Terminal

SNAPSHOTS = Path(__file__).parent / "snapshots"
SOURCES = ("web", "cart", "admin", "batch")


@pytest.fixture
def one_cause(report, failure, flow):
    """A run of which eight flows fail of one line."""
    at = Position("policies/allow-shop.yaml", 10, 15)
    words = "data/allow-shop (policies/allow-shop.yaml:10) does not fit: the rule must name 5432"
    cause = Cause(subject="ingress of data/db-0", what=Sentence(words), at=at)
    deny = Prediction(decision=PredictedDecision.DENY, causes=(cause,))
    fix = Cause(what=Sentence("in data/allow-shop allow TCP 5432"), at=at)
    asked = [(source, target) for source in SOURCES for target in ("db:80", "db-pods:5432")]
    before = [flow(source=s, target=f"{t}/tcp", step="open") for s, t in asked]
    cut = [
        replace(
            failure,
            name=f"{source} -> {target}",
            at=Position("shop.npol.yaml", 30 + number),
            step="the shop only",
            source=source,
            target=f"{target}/tcp",
            expected=before[0].expected,
            outcome=Outcome.TIMEOUT,
            verdict=Verdict.TOO_CLOSED,
            predicted=deny,
            diagnosis=Diagnosis.POLICY_BUG,
            fixes=(fix,),
        )
        for number, (source, target) in enumerate(asked)
    ]
    steps = (
        replace(report.steps[0], name="open", flows=tuple(before), checks=()),
        replace(report.steps[1], name="the shop only", flows=tuple(cut)),
    )
    return replace(report, steps=steps)


def shown(report, width, colours):
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colours, _environ={}, highlight=False, emoji=False
    )
    Terminal(console).story(report)
    return out.getvalue()


def compare(name, text):
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("NPOL_SNAPSHOTS") == "write":
        SNAPSHOTS.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text, "look at the difference, then see the head of this file"


@pytest.mark.parametrize("colours", [False, True], ids=["plain", "coloured"])
@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_run_with_a_bit_of_everything_looks_as_it_did(report, width, colours):
    compare(f"shop-{width}{'-coloured' * colours}", shown(report, width, colours))


@pytest.mark.parametrize("colours", [False, True], ids=["plain", "coloured"])
@pytest.mark.parametrize("width", [60, 80, 140])
def test_eight_flows_of_one_cause_look_as_they_did(one_cause, width, colours):
    compare(f"one-cause-{width}{'-coloured' * colours}", shown(one_cause, width, colours))


def test_eight_flows_of_one_cause_fit_a_screen(one_cause):
    """From the heading of the failure to the last line of the run, on 80 columns and 40 lines."""
    text = shown(one_cause, 80, False)
    lines = text[text.index("TOO CLOSED: 8 flows, one cause") :].splitlines()

    rows = sum(-(-max(len(line), 1) // 80) for line in lines)

    assert rows <= 40
    assert text.count("TOO CLOSED") == 1
