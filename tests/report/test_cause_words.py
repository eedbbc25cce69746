"""Every cause has words, and they come of its values alone."""

from __future__ import annotations

import typing

import pytest

from npol.model.causes import Cause, Fact
from npol.model.doubt import Doubt, DoubtCode
from npol.model.fixes import SelectOthers
from npol.model.mismatch import Mismatch, MismatchCode
from npol.model.placed_policy import PlacedPolicy
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.result import FlowResult
from npol.model.sentence import Sentence
from npol.report.causes import cause_words, fact_words, prediction_words
from npol.report.json import result_data, result_from
from npol.report.mismatches import mismatch_words

MISMATCH = Mismatch(MismatchCode.POD_LABELS, "shop/web", "app=db", "app=web", 80, "shop")
PORT = Mismatch(MismatchCode.OTHER_PROTOCOL, wanted="UDP", has="TCP")


@pytest.mark.parametrize("code", MismatchCode)
def test_each_mismatch_has_words(code):
    words = mismatch_words([Mismatch(code, "shop/web", "app=db", "app=web", 80, "shop")])

    assert words.strip(" :;,") == words != ""


@pytest.mark.parametrize("code", DoubtCode)
def test_each_doubt_has_words(code):
    words = fact_words(Doubt(code, "shop/web", ("a", "b"), ("c",)))

    assert words.strip(" :;,") == words != ""


def test_mismatches_of_a_peer_stand_together_and_those_of_ports_after_them():
    assert mismatch_words([MISMATCH, MISMATCH, PORT]) == (
        "shop/web has app=web, not app=db and shop/web has app=web, not app=db; "
        "the rule is for UDP, the flow is TCP"
    )


@pytest.mark.parametrize(
    ("namespaces", "pods", "end"),
    [(None, "", "select every pod"), ("a=b", "", "select namespaces with a=b and every pod")],
)
def test_a_selector_without_labels_is_told_in_words(namespaces, pods, end):
    """M14: `would allow it: ... select ` had no end."""
    fix = SelectOthers(peer=PlacedPolicy("shop/db", "db.yaml:3"), namespaces=namespaces, pods=pods)

    assert fact_words(fix).endswith(end)


def test_a_cause_that_was_read_from_a_file_has_the_words_that_were_written(flow):
    doubt = Doubt(DoubtCode.PODS_DIFFER)
    predicted = Prediction(
        decision=PredictedDecision.UNKNOWN,
        detail=doubt,
        causes=(Cause(subject="ingress of shop/db", what=doubt),),
    )

    read = result_from(result_data(flow(predicted=predicted)))

    assert isinstance(read, FlowResult)
    assert isinstance(read.predicted.detail, Sentence)
    assert prediction_words(read.predicted) == prediction_words(predicted)
    assert cause_words(read.causes[0]) == cause_words(predicted.causes[0])


def test_no_detail_has_no_words_and_is_read_as_none(flow):
    predicted = Prediction(decision=PredictedDecision.DENY)

    written = result_data(flow(predicted=predicted))
    read = result_from(written)

    assert written["predicted"]["detail"] == ""
    assert isinstance(read, FlowResult)
    assert read.predicted == predicted


def test_facts_are_values_that_can_be_counted():
    """Causes that repeat each other are told once, so each of them must be hashable."""
    for kind in typing.get_args(Fact):
        assert kind.__hash__ is not object.__hash__
