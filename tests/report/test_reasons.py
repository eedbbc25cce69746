"""Every reason has words, and they come of its values alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from npol.model.expectation import Outcome, Verdict
from npol.model.packet_fate import Fate, PacketFate
from npol.model.reason import FailingPods, Reason, ReasonCode
from npol.model.seen_outcome import SeenOutcome
from npol.report.json import from_json, to_json
from npol.report.reasons import reason_words

FULL = Reason(
    code=ReasonCode.OPEN,
    subject="shop/db",
    seen=(SeenOutcome(outcome=Outcome.TIMEOUT),),
    wanted=("deny-all",),
    names=("10.0.0.1",),
    count=1,
    total=2,
    family=6,
    seconds=3.0,
    budget=2.0,
    fate=PacketFate(fate=Fate.DROPPED_OTHERWISE, node="worker-1", reason="no route"),
    said="no exec",
)


@pytest.mark.parametrize("code", ReasonCode)
def test_each_code_has_words(code):
    words = reason_words(replace(FULL, code=code))

    assert words.strip(" :;,") == words != ""
    assert "None" not in words


def test_what_records_add_and_which_pod_it_is_stand_around_the_reason():
    records = Reason(code=ReasonCode.RECORDED, subject="pod db", fate=FULL.fate)
    reason = Reason(
        code=ReasonCode.NO_SUCH_NAME,
        besides=records,
        pods=FailingPods(failing=1, asked=2, pod="shop/web-0"),
    )

    assert reason_words(reason) == (
        "1 of 2 source pods: shop/web-0: the name does not exist; "
        "pod db: dropped otherwise (worker-1): no route"
    )


def test_no_reason_has_no_words():
    assert reason_words(None) == ""


def test_a_reason_survives_json_with_all_it_is_about(report, flow):
    whole = replace(FULL, besides=replace(FULL, code=ReasonCode.RECORDED), because=FULL)
    result = flow(verdict=Verdict.TOO_CLOSED, reason=whole)
    run = replace(report, steps=(replace(report.steps[0], flows=(result,)),))
    text = to_json(run)

    (back,) = from_json(text).steps[0].flows
    (written,) = json.loads(text)["report"]["steps"][0]["flows"]

    assert back.reason == whole
    assert written["reason"]["words"] == reason_words(whole)


def test_what_others_changed_is_said_without_the_diff():
    names = ("NetworkPolicy shop/db was changed by others\n--- a\n+++ b", "Pod shop/web is gone")

    words = reason_words(Reason(code=ReasonCode.CHANGED_BY_OTHERS, names=names))

    assert words == (
        "somebody else changed the cluster meanwhile: NetworkPolicy shop/db was changed by others;"
        " Pod shop/web is gone"
    )
