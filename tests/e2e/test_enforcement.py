"""Policies that are ignored, and policies that bite late: stories on labs of either kind."""

from __future__ import annotations

import pytest

from npol.errors import ExitCode
from npol.report.causes import prediction_words
from npol.run import Options
from npol_lab.session import Lab, LabOptions
from tests import shop, unenforced
from tests.e2e.shop import write_shop

pytestmark = [pytest.mark.lab, pytest.mark.without_records]

LATE = 3.0
PATIENT = "{timeout: 1s, settle: {quiet: 5s, within: 8s}}"
BRIEF = "{timeout: 1s, settle: {within: 4s}}"
STILL_ALLOWED = """
  - name: closed
    apply: [deny.yaml]
    flows: [{from: client, to: web, port: 80, expect: allow}]
"""


def options(lab: Lab, **settings) -> Options:
    return Options(
        kubeconfig=str(lab.kubeconfig),
        context=lab.context,
        create=True,
        disposable=True,
        **settings,
    )


@pytest.fixture(scope="module")
def ignoring():
    with Lab.start(LabOptions(enforcement=False)) as lab:
        yield lab


def test_doctor_says_that_policies_are_not_enforced_and_how_it_knows(ignoring, capsys):
    unenforced.doctor_says_so(options(ignoring), capsys)


def test_a_story_with_denies_is_refused_where_nothing_enforces(ignoring, tmp_path):
    unenforced.denies_are_refused(options(ignoring), tmp_path, "refused")


def test_a_story_without_policies_passes_where_nothing_enforces(ignoring, tmp_path):
    unenforced.without_policies_it_passes(options(ignoring), tmp_path, "peaceful")


@pytest.mark.nightly
def test_assumed_enforcement_makes_denies_too_open(ignoring, tmp_path):
    unenforced.assumed_denies_are_too_open(
        options(ignoring, assume_enforced=True), tmp_path, "assumed"
    )


@pytest.fixture(scope="module")
def late():
    with Lab.start(LabOptions(enforcement_delay=LATE)) as lab:
        yield lab


def test_an_old_answer_is_not_taken_for_a_new_one(late, tmp_path):
    """What is expected is the state before the change; three seconds later it is gone."""
    path = shop.write(tmp_path, "trap", steps=STILL_ALLOWED, defaults=PATIENT)

    report = shop.told(shop.read(path), options(late))

    flow = report.steps[1].flows[0]
    assert report.exit_code == ExitCode.DIFFERS
    assert (flow.verdict.value, str(flow.seen).partition(" ")[0]) == ("too closed", "timeout")
    assert prediction_words(flow.predicted) == "deny"


@pytest.mark.nightly
def test_a_late_denial_is_waited_for_and_timed(late, tmp_path):
    path = shop.write(tmp_path, "late", defaults=PATIENT)

    report = shop.told(shop.read(path), options(late))

    assert shop.wrong(report) == []
    assert LATE - 1 < (report.steps[1].flows[0].enforced_after or 0) < LATE + 2


def test_the_default_quiet_time_is_enough_for_an_honest_lab(tmp_path):
    with Lab.start() as lab:
        path = shop.write(tmp_path, "honest", steps=STILL_ALLOWED, defaults=BRIEF)
        report = shop.told(shop.read(path), options(lab))

    assert [f.verdict.value for f in report.steps[1].flows] == ["too closed"]


CHANGES_FIRST = """
  - name: deny all
    apply: [deny.yaml]
    flows: [{name: closed, from: client, to: web, port: 80, expect: deny}]
  - name: a look once more
    flows: [{name: closed, from: client, to: web, port: 80, expect: deny}]
"""


def test_a_state_that_a_step_made_is_not_what_the_restore_goes_back_to(tmp_path, npol):
    story = write_shop(tmp_path / "shop", CHANGES_FIRST)
    done = npol("run", story, "--lab")
    assert done.returncode == 0, done.stdout
    assert "flows not verified: the story has no step before its first change" in done.stdout
