"""Every finding of a check has words, and they come of its values alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.report.checks import check_words, claim_words
from npol.report.json import from_json, to_json

FULL = CheckFinding(
    code=FindingCode.SAID,
    subject="web-1",
    names=("a", "b", "c", "d"),
    count=1,
    total=2,
    available=1,
    wanted="x",
    said="y",
)


@pytest.mark.parametrize("code", FindingCode)
def test_each_code_has_words(code):
    words = check_words([replace(FULL, code=code)])

    assert words.strip(" :;,") == words != ""


@pytest.mark.parametrize("code", ClaimCode)
def test_each_claim_has_words(code):
    words = claim_words(CheckClaim(code, "x", 1))

    assert words.strip(" :;,") == words != ""


def test_several_findings_stand_beside_each_other():
    few = replace(FULL, code=FindingCode.NOT_READY)
    more = replace(FULL, code=FindingCode.MORE_DIFFER)

    assert check_words([few, more]) == "not ready: a, b, c; and 1 more"
    assert check_words([]) == ""


def test_a_finding_survives_json_and_is_spelt_beside_it(report):
    (check,) = report.steps[0].checks
    failed = replace(check, found=FULL, reasons=(FULL, replace(FULL, said="z")))
    text = to_json(replace(report, steps=(replace(report.steps[0], checks=(failed,)),)))

    (back,) = from_json(text).steps[0].checks
    (written,) = json.loads(text)["report"]["steps"][0]["checks"]

    assert back == failed
    assert (written["seen"], written["reason"]) == ("web-1: y", "web-1: y; web-1: z")
