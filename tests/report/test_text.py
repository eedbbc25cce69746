"""A run on the terminal: the whole page at 80 columns, and what colours add."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from npol.model.expectation import Verdict
from npol.model.result import RestoreResult, StepResult, Witnesses
from npol.model.sentence import Sentence
from npol.report.html import to_html
from npol.report.json import from_json, result_data, to_json
from npol.report.markdown import to_markdown
from npol.report.pytest_text import session_summary, story_text
from npol.report.summary import counted
from npol.report.terminal import Terminal
from npol.report.text import MOST_EXPLAINED

PAGE = """\
story shop  shop.npol.yaml

before policies
            db     web
            :5432  :80
  frontend  .      200
  frontend ? db.shop  open
  check endpoints shop/db  1 ready on 5432
  4 of 4 as expected

deny all
  applied NetworkPolicy shop/deny
            db          web  internet
            :5432       :80  :443
  frontend  !deny/open  X
  stranger              ?    -
  frontend ? db.shop  dns timeout
  skipped: there is no place called internet here
  2 of 4 as expected, 1 too open, 1 unknown, 1 skipped   enforced within 200 ms
"""
ENDING = """\
UNKNOWN: stranger -> web:80/tcp  (step deny all)
  shop.npol.yaml:31   stranger -> web:80
  expected   deny
  seen       refused
  why        web refused at once: nothing listens, which is no proof of a policy

restored in 1.2 s, flows verified by fresh probes
enforcement proven by a canary in 0.3 s
6 of 8 as expected, 1 too open, 1 unknown, 1 skipped in 33.4 s, 2 execs, 41 API requests
.  allowed   X  denied   200  that HTTP status   !expected/seen   ?  unknown   -  skipped
cluster kind-dev (https://127.0.0.1:6443, Kubernetes v1.33.13, engine calico v3.30.2): exit code 1, a verdict differs from the story
"""  # noqa: E501


@pytest.fixture
def shown():
    """What a Terminal writes; `colours` as on a real one."""

    def show(report, *, width=80, colours=False, environment=None):
        out = io.StringIO()
        console = Console(
            file=out,
            width=width,
            force_terminal=colours,
            _environ=environment or {},
            highlight=False,
        )
        Terminal(console).story(report)
        return out.getvalue()

    return show


def test_a_run_reads_from_the_first_step_to_the_cluster(report):
    text = story_text(report, width=80)

    assert text.startswith(PAGE)
    assert text.endswith(ENDING)
    assert "\nTOO OPEN: frontend loses the database  (step deny all)\n" in text


def test_the_terminal_says_the_same_without_colours(report, shown):
    plain = [line.rstrip() for line in shown(report).splitlines()]

    assert plain == story_text(report, width=80).splitlines()


def test_colours_only_repeat_what_the_marks_say(report, shown):
    coloured = shown(report, colours=True)

    assert "\x1b[1;31m  !deny/open\x1b[0m" in coloured
    assert "\x1b[32m  200\x1b[0m" in coloured


def test_no_color_is_honoured(report, shown):
    coloured = shown(report, colours=True, environment={"NO_COLOR": "1"})

    assert "\x1b[3" not in coloured


def test_text_of_the_cluster_is_not_markup(report, shown):
    odd = replace(report, story="[red]x[/red] :smile: [link=http://x]")

    assert "story [red]x[/red] :smile: [link=http://x]" in shown(odd)


def test_a_step_that_failed_to_start_or_was_skipped_says_so(report):
    at = report.steps[0].at
    steps = (
        StepResult(name="one", at=at, error="403: no\nrights"),
        StepResult(name="two", at=at, skipped=Sentence("Pod/x does not exist"), same_as="one"),
    )
    text = story_text(replace(report, steps=steps), width=80)

    assert "\none\n  error: 403: no\\nrights\n" in text
    assert "\ntwo  same as one\n  skipped: Pod/x does not exist\n" in text


def test_an_incomplete_restore_is_loud_and_names_the_cure(report):
    still = "NetworkPolicy shop/deny is still there"
    remedy = "npol recover run-1 --context dev"
    broken = RestoreResult(complete=False, problems=(still,), remedy=remedy)
    lines = story_text(replace(report, restore=broken)).splitlines()

    assert f"restore INCOMPLETE: {still}; to go on: {remedy}" in lines
    assert lines[-1].endswith("exit code 6, the cluster is not as it was found; run `npol recover`")


def test_failed_cleanup_is_reported_before_changes_left_on_purpose(report):
    stayed = RestoreResult(complete=False, problems=("pod a/b is still there",), left="npol ...")

    assert "restore INCOMPLETE: pod a/b is still there" in story_text(
        replace(report, restore=stayed)
    )


def test_a_note_is_in_every_report(report):
    note = "PodDisruptionBudget shop/web counts a debug pod"
    noted = replace(report, cluster=replace(report.cluster, notes=(note,)))
    session = "\n".join(session_summary([], [noted]))

    for text in (story_text(noted), session, to_html([noted]), to_markdown([noted])):
        assert note in text
    assert from_json(to_json(noted)).cluster.notes == (note,)


def test_a_run_that_ended_early_says_why_and_which_cluster(report):
    early = replace(report, steps=(), restore=None, cluster=None, error="refused\n  try: this")
    lines = story_text(early).splitlines()

    assert lines[2:4] == ["refused", "  try: this"]
    assert lines[-1].startswith("no cluster was spoken to: exit code 0")


def test_many_failures_are_not_all_explained(report, failure):
    step = replace(report.steps[1], flows=(failure,) * (MOST_EXPLAINED + 5))
    text = story_text(replace(report, steps=(step,)))

    assert text.count("TOO OPEN:") == MOST_EXPLAINED
    assert "\nand 5 more failures\n" in text


def test_flows_that_are_skipped_for_one_reason_say_it_once(report, flow):
    skipped = [
        flow(target=f"t:{i}/tcp", verdict=Verdict.UNKNOWN, skipped=Sentence("no such place"))
        for i in range(9)
    ]
    step = replace(report.steps[1], flows=tuple(skipped))

    assert story_text(replace(report, steps=(step,))).count("skipped: no such place") == 1


def test_a_test_session_is_summed_up_from_its_results(report):
    found = [
        {"story": "shop", "result": result_data(r)} for step in report.steps for r in step.results
    ]
    lines = list(session_summary(found, [report], width=80))

    assert lines[0] == "shop: before policies"
    assert "    frontend  !deny/open  X" in lines
    assert "shop: restored in 1.2 s, flows verified by fresh probes" in lines
    assert lines[-1].startswith("cluster kind-dev (https://127.0.0.1:6443, ")


def test_a_test_session_on_workers_has_results_and_no_runs(report):
    found = [{"story": "shop", "result": result_data(report.results[0])}]

    assert list(session_summary(found, []))[-1].startswith(".  allowed")


def test_a_check_that_cannot_fail_is_told_and_not_counted(report):
    (check,) = report.steps[0].checks
    idle = replace(check, cannot_fail=Sentence("reads back what the run itself wrote: apps.yaml:3"))
    told = replace(report, steps=(replace(report.steps[0], checks=(idle,)),))
    line = "1 ready on 5432, not counted: reads back what the run itself wrote: apps.yaml:3"

    assert f"  check endpoints shop/db  {line}\n" in story_text(told)
    assert "  3 of 3 as expected, 1 cannot fail\n" in story_text(told)
    assert line in to_markdown([told])
    assert line in to_html([told])
    assert from_json(to_json(told)) == told


def test_passes_that_no_prediction_confirms_are_counted_apart(flow):
    alone = flow(verdict=Verdict.AS_EXPECTED, witnesses=Witnesses.PACKETS_ONLY)
    both = flow(verdict=Verdict.AS_EXPECTED)
    wrong = flow(verdict=Verdict.TOO_OPEN, witnesses=Witnesses.PACKETS_ONLY)

    assert counted([alone, both, wrong]) == "2 of 3 as expected, 1 too open, 1 by packets only"
