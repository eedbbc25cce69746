"""Verdicts on a connection that is held open: what it did is judged as any flow, by its words."""

import pytest

from npol.errors import Position
from npol.judge.controls import Controls
from npol.judge.verdict import judge
from npol.model.expectation import Outcome, parse_expectation
from npol.model.probe import Answer, Role
from npol.model.result import Evidence
from npol.model.story import Flow

SERVICE = "ClusterIP 10.96.0.7:80"
SELF_OK = Answer(key="self", outcome=Outcome.REFUSED)
ALIVE = {SERVICE: "its pods are alive"}


@pytest.mark.parametrize(
    ("expect", "seen", "alive", "verdict"),
    [
        pytest.param("lives", "open", {}, "as expected", id="lives"),
        pytest.param("lives", "timeout", ALIVE, "too closed", id="cut though it should live"),
        pytest.param("lives", "reset", ALIVE, "too closed", id="reset though it should live"),
        pytest.param("cut", "timeout", ALIVE, "as expected", id="cut"),
        pytest.param("cut", "reset", ALIVE, "as expected", id="cut by a reset"),
        pytest.param("cut", "open", ALIVE, "too open", id="lives though it should be cut"),
        pytest.param("cut", "timeout", {}, "unknown", id="silence of a target that may be dead"),
        pytest.param("cut", "error", ALIVE, "unknown", id="a holder that broke is no cut"),
        pytest.param("lives", "error", ALIVE, "unknown", id="nor is it life"),
    ],
)
def test_held_connections_are_judged(expect, seen, alive, verdict):
    word = parse_expectation(expect)
    flow = Flow(
        name="f",
        at=Position("s.npol.yaml", 1, 1),
        source="a",
        target="web",
        port=80,
        hold="before",
        expect=word,
    )
    answer = Answer(key="k", outcome=Outcome(seen), detail="what it did")
    found = [Evidence(role=Role.SERVICE, subject=SERVICE, answer=answer)]

    judged = judge(flow, word, found, Controls(source=SELF_OK, alive=alive))

    assert judged.verdict.value == verdict


@pytest.mark.parametrize("word", ["lives", "cut"])
def test_words_are_spelt_in_reports_as_in_stories(word):
    assert str(parse_expectation(word)) == word
