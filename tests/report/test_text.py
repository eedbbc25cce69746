"""A run on the terminal: the whole page at 80 columns, and what colours add."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from npol.errors import ExitCode, Refused
from npol.model.expectation import Verdict
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Diagnosis, RestoreResult, StepResult, Witnesses
from npol.report.failure_groups import MOST_EXPLAINED
from npol.report.html import to_html
from npol.report.json import from_json, result_data, to_json
from npol.report.markdown import to_markdown
from npol.report.pytest_text import session_summary, story_text
from npol.report.summary import counted, summary_line
from npol.report.terminal import Terminal

NOT_SERVED = Reason(code=ReasonCode.KIND_NOT_SERVED, said="Pod/x does not exist")
PAGE = """\
story shop  shop.npol.yaml

before policies
            db     web    .     allowed
            :5432  :80    200   HTTP status
  frontend  .      200
  frontend ? db.shop  open
  check endpoints shop/db  1 ready on 5432
  4 of 4 as expected

deny all
  applied NetworkPolicy shop/deny
            db          web  internet    X     denied
            :5432       :80  :443        !A/B  expected A, seen B
  frontend  !deny/open  X*               ?     unknown
  stranger              ?    -           -     skipped
                                         *     changed
  frontend ? db.shop  dns timeout
  skipped: there is no place called internet here
  2 of 4 as expected, 1 too open, 1 unknown, 1 skipped   enforced after 200 ms
"""
ENDING = """\
UNKNOWN: stranger -> web:80/tcp  (step deny all)
  shop.npol.yaml:31   stranger -> web:80
  expected   deny
  seen       refused
  why        web refused at once: nothing listens, which is no proof of a policy
  by hand    npol probe 'stranger -> web:80/tcp' --story shop.npol.yaml --at 'deny all' --context kind-dev

restored in 1.2 s, flows verified by fresh probes
enforcement proven by a canary in 0.3 s
"""  # noqa: E501
COSTS = """\
33.4 s, 2 execs, 41 API requests
cluster kind-dev (https://127.0.0.1:6443, Kubernetes v1.33.13, engine calico v3.30.2)
"""
SUMMARY = "6 of 8 as expected, 1 too open, 1 unknown; cluster kind-dev: exit code 1\n"


@pytest.fixture
def shown():
    """What a Terminal writes; `colours` as on a real one."""

    def show(report, *, width=80, colours=False, environment=None, verbose=False):
        out = io.StringIO()
        console = Console(
            file=out,
            width=width,
            force_terminal=colours,
            _environ=environment or {},
            highlight=False,
        )
        Terminal(console, verbose=verbose).story(report)
        return out.getvalue()

    return show


def test_a_run_reads_from_the_first_step_to_the_cluster(report):
    text = story_text(report, width=80)

    assert text.startswith(PAGE)
    assert text.endswith(ENDING + COSTS + SUMMARY)
    assert "\nTOO OPEN: frontend loses the database  (step deny all)\n" in text


def test_the_terminal_says_the_same_without_colours(report, shown):
    plain = [line.rstrip() for line in shown(report, verbose=True).splitlines()]

    assert plain == story_text(report, width=80).splitlines()


def test_costs_and_the_server_are_told_to_those_who_ask(report, shown):
    assert shown(report).endswith(ENDING + SUMMARY)


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
        StepResult(
            name="two",
            at=at,
            skipped=NOT_SERVED,
            same_as="one",
        ),
    )
    text = story_text(replace(report, steps=steps), width=80)

    assert "\none\n  error: 403: no\\nrights\n" in text
    assert "\ntwo  same as one\n  skipped: Pod/x does not exist\n" in text


def test_what_to_try_about_a_step_that_failed_has_a_line_of_its_own(report):
    at = report.steps[0].at
    error = str(Refused("no pod runs", hint="write `labels:`", at=at))
    text = story_text(replace(report, steps=(StepResult(name="one", at=at, error=error),)))

    assert f"\none\n  error: {at}: no pod runs\n  try: write `labels:`\n" in text


def test_an_incomplete_restore_is_loud_and_names_the_cure(report):
    still = "NetworkPolicy shop/deny is still there"
    remedy = "npol recover run-1 --context dev"
    broken = RestoreResult(complete=False, problems=(still,), remedy=remedy)
    lines = story_text(replace(report, restore=broken)).splitlines()

    at = lines.index("restore INCOMPLETE: the cluster is not as it was found")
    assert lines[at + 1 : at + 3] == [f"  {still}", f"  to go on: {remedy}"]
    assert lines[-1].startswith("NOT RESTORED, 6 of 8 as expected")
    assert lines[-1].endswith("; cluster kind-dev: exit code 6")


def test_failed_cleanup_is_reported_before_changes_left_on_purpose(report):
    stayed = RestoreResult(complete=False, problems=("pod a/b is still there",), left="npol ...")

    told = story_text(replace(report, restore=stayed))
    assert "not as it was found\n  pod a/b is still there\n" in told


def test_a_note_is_in_every_report(report):
    note = "PodDisruptionBudget shop/web counts a debug pod"
    noted = replace(report, cluster=replace(report.cluster, notes=(note,)))
    session = "\n".join(session_summary([], [noted], verbose=True))

    for text in (story_text(noted), session, to_html([noted]), to_markdown([noted])):
        assert note in text
    assert from_json(to_json(noted)).cluster.notes == (note,)


def test_a_run_that_ended_early_says_why_and_which_cluster(report):
    early = replace(report, steps=(), restore=None, cluster=None, error="refused\n  try: this")
    lines = story_text(early).splitlines()

    assert lines[2:4] == ["refused", "  try: this"]
    assert lines[-1].endswith("; no cluster: exit code 0")


def test_many_causes_are_not_all_explained(report, failure):
    flows = tuple(
        replace(failure, predicted=None, diagnosis=Diagnosis.NONE, reason=None, name=f"flow {i}")
        for i in range(MOST_EXPLAINED + 5)
    )
    step = replace(report.steps[1], flows=flows)
    text = story_text(replace(report, steps=(step,)))

    assert text.count("TOO OPEN:") == MOST_EXPLAINED
    assert "\nand 5 more failures of 5 causes\n" in text


def test_flows_that_are_skipped_for_one_reason_say_it_once(report, flow):
    skipped = [
        flow(
            target=f"t:{i}/tcp",
            verdict=Verdict.UNKNOWN,
            skipped=Reason(code=ReasonCode.KIND_NOT_SERVED, said="no such place"),
        )
        for i in range(9)
    ]
    step = replace(report.steps[1], flows=tuple(skipped))

    assert story_text(replace(report, steps=(step,))).count("skipped: no such place") == 1


def test_a_test_session_is_summed_up_from_its_results(report):
    found = [
        {"story": "shop", "path": report.path, "result": result_data(r)}
        for step in report.steps
        for r in step.results
    ]
    lines = list(session_summary(found, [report], width=80))

    assert lines[0] == "shop: before policies"
    assert any(line.startswith("    frontend  !deny/open  X*") for line in lines)
    assert "shop: restored in 1.2 s, flows verified by fresh probes" in lines
    assert lines[-1].startswith("cluster kind-dev (https://127.0.0.1:6443, ")


def test_a_test_session_on_workers_has_results_and_no_runs(report):
    found = [{"story": "shop", "path": "a", "result": result_data(report.results[0])}]

    assert list(session_summary(found, []))[-1] == "    1 of 1 as expected"


def test_stories_of_one_name_are_told_apart_each_in_one_piece(report):
    first, second = report.steps[0], report.steps[1]
    results = [result_data(step.flows[0]) for step in (first, second)]
    found = [
        {"story": "shop", "path": f"{place}/shop.npol.yaml", "result": result}
        for result in results
        for place in ("dev", "prod")
    ]
    ended = replace(report, path="prod/shop.npol.yaml")

    lines = [line for line in session_summary(found, [ended]) if line.startswith("shop")]

    assert lines[:4] == [
        f"shop ({place}/shop.npol.yaml): {step.name}"
        for place in ("dev", "prod")
        for step in (first, second)
    ]
    assert lines[4].startswith("shop (prod/shop.npol.yaml): restored in ")


def test_a_check_that_cannot_fail_is_told_and_not_counted(report):
    (check,) = report.steps[0].checks
    idle = replace(check, cannot_fail=("apps.yaml:3",))
    told = replace(report, steps=(replace(report.steps[0], checks=(idle,)),))
    line = "1 ready on 5432, not counted: reads back what the run itself wrote: apps.yaml:3"

    assert f"  check endpoints shop/db  {line}\n" in story_text(told)
    assert "  3 of 3 as expected, 1 cannot fail\n" in story_text(told)
    assert line in to_markdown([told])
    assert line in to_html([told])
    assert from_json(to_json(told)) == told


@pytest.mark.parametrize(
    ("left", "said", "why"),
    [
        ({"skipped": NOT_SERVED}, "1 skipped", "was skipped"),
        ({"cannot_fail": ("a.yaml:3",)}, "1 cannot fail", "reads back what the run itself wrote"),
    ],
)
def test_a_run_of_nothing_but_what_proves_nothing_ends_with_3_and_says_why(report, left, said, why):
    check = replace(report.steps[0].checks[0], **left)
    step = replace(report.steps[0], checks=(check,), flows=(), error="")
    told = replace(report, steps=(step,), watch=None, error="", restore=None)

    assert told.exit_code is ExitCode.UNKNOWN
    assert f"nothing was proven: all that the story asks {why}\n" in story_text(told)
    assert story_text(told).rstrip().split("\n")[-1].startswith(f"nothing was proven, {said}")


def test_a_check_that_cannot_fail_and_still_fails_is_a_difference(report):
    check = replace(
        report.steps[0].checks[0], cannot_fail=("a.yaml:3",), verdict=Verdict.WRONG_ANSWER
    )
    step = replace(report.steps[0], checks=(check,), flows=(), error="")

    told = replace(report, steps=(step,), watch=None, error="", restore=None)
    assert told.exit_code is ExitCode.DIFFERS


def test_passes_that_no_prediction_confirms_are_counted_apart(flow):
    alone = flow(verdict=Verdict.AS_EXPECTED, witnesses=Witnesses.PACKETS_ONLY)
    both = flow(verdict=Verdict.AS_EXPECTED)
    wrong = flow(verdict=Verdict.TOO_OPEN, witnesses=Witnesses.PACKETS_ONLY)

    assert counted([alone, both, wrong]) == "2 of 3 as expected, 1 too open, 1 by packets only"


@pytest.mark.parametrize("width", [60, 80])
def test_the_last_line_fits_and_names_cluster_and_code(report, width):
    arn = "arn:aws:eks:eu-central-1:123456789012:cluster/production-payments"
    named = replace(report, cluster=replace(report.cluster, context=arn))

    for run in (report, named, replace(report, cluster=None), replace(report, steps=())):
        line = summary_line(run, width)
        assert len(line) <= width
        assert f": exit code {run.exit_status}" in line
    assert summary_line(report, 80) == SUMMARY.rstrip()
    assert "cluster/production-payments"[-10:] in summary_line(named, 80)


def test_the_last_line_shows_where_verdicts_are_left_out(flow, report):
    others = (Verdict.TOO_OPEN, Verdict.TOO_CLOSED, Verdict.WRONG_ANSWER, Verdict.UNKNOWN)
    flows = tuple(flow(verdict=v) for v in (Verdict.AS_EXPECTED, *others))
    run = replace(report, steps=(replace(report.steps[1], flows=flows, checks=()),))
    parts = counted(run.results).split(", ")

    for width in range(75, 140):
        line = summary_line(run, width)
        left_out = sum(part not in line for part in parts)
        assert len(line) <= width
        assert (", ...;" in line) is (left_out > 0), line
    assert not left_out


def test_a_green_run_says_little_of_itself_and_all_with_v(report, shown):
    green = replace(
        report,
        steps=report.steps[:1],
        cluster=replace(report.cluster, notes=("nobody asked",), is_lab=True, options=""),
    )

    assert shown(green).endswith(
        "\nrestored in 1.2 s, flows verified by fresh probes\n"
        "4 of 4 as expected in 33.4 s, restored; cluster kind-dev: exit code 0\n"
    )
    assert "note: nobody asked" not in shown(green)
    assert "note: nobody asked" in shown(green, verbose=True)
    elsewhere = replace(green, cluster=replace(green.cluster, options="--context dev"))
    assert "note: nobody asked" in shown(elsewhere)


def test_colour_and_shape_both_tell_what_a_step_changed(report, shown):
    assert "\x1b[34m  X* \x1b[0m" in shown(report, colours=True)
