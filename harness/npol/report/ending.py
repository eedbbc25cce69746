"""The end of a run as lines of toned text: failures by cause, what to know, and one line of all."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.result import StoryReport
from npol.report.ask_again import AskAgain
from npol.report.escape import safe
from npol.report.failure import aside, failure_text, heading
from npol.report.failure_groups import MOST_EXPLAINED, FailureGroup, failure_groups
from npol.report.summary import (
    cluster_line,
    cost_line,
    enforcement_line,
    failures,
    in_a_lab_of_its_own,
    nothing_proven_line,
    proven_line,
    restore_lines,
    summary_line,
)
from npol.report.symbols import Line, StyledText, Tone, tone_of
from npol.report.watch_text import watch_lines


def ending_lines(
    report: StoryReport, width: int, *, rerun: str = "", verbose: bool = False
) -> Iterator[Line]:
    """
    Failures explained, what a reader must know, and last of all the summary.

    `rerun`: the command that runs the story again. `verbose`: also what only matters to those
    who ask for it, such as a green run's notes and costs.
    """
    yield from _explained(report, width)
    if report.watch:
        yield from watch_lines(report.watch)
    yield ()
    if report.error:
        yield from ((StyledText(safe(line), Tone.WRONG),) for line in report.error.split("\n"))
    if nothing := nothing_proven_line(report):
        yield (StyledText(nothing, Tone.WRONG),)
    yield from _facts(report, verbose)
    if rerun and failures(report):
        yield (StyledText("again: ", Tone.FAINT), StyledText(safe(rerun)))
    if verbose:
        yield (StyledText(cost_line(report), Tone.FAINT),)
        yield (StyledText(cluster_line(report.cluster), Tone.FAINT),)
    tone = Tone.WRONG if report.exit_status else Tone.OPEN
    yield (StyledText(summary_line(report, min(width, 80)), tone),)


def _explained(report: StoryReport, width: int) -> Iterator[Line]:
    """Every cause, with its whole evidence once."""
    again = AskAgain.of(report)
    groups = failure_groups(failures(report))
    for group in groups[:MOST_EXPLAINED]:
        yield ()
        yield from failure_lines(group, again, width)
    if rest := groups[MOST_EXPLAINED:]:
        flows = sum(len(group.results) for group in rest)
        yield ()
        yield (StyledText(f"and {flows} more failures of {len(rest)} causes", Tone.WRONG),)


def failure_lines(group: FailureGroup, again: AskAgain, width: int) -> Iterator[Line]:
    """One cause: its heading in the colour of the verdict, and the rest."""
    _, *rest = failure_text(group, again, width).split("\n")
    yield (
        StyledText(heading(group), tone_of(group.first)),
        StyledText(aside(group), Tone.FAINT),
    )
    yield from ((StyledText(line),) for line in rest)


def _facts(report: StoryReport, verbose: bool) -> Iterator[Line]:
    """The restore, whether policies are enforced at all, and notes; of a green run the least."""
    fine = report.restore is None or report.restore.proven
    for restored in restore_lines(report.restore):
        yield (StyledText(restored, Tone.PLAIN if fine else Tone.WRONG),)
    in_a_lab = report.cluster is not None and report.cluster.is_lab
    known = enforcement_line(report.cluster)
    if known and (verbose or not in_a_lab):
        yield (StyledText(known, Tone.FAINT),)
    proven = proven_line(report)
    if proven and verbose:
        yield (StyledText(proven, Tone.FAINT),)
    if verbose or report.exit_status or not in_a_lab_of_its_own(report):
        yield from ((StyledText(f"note: {safe(note)}", Tone.FAINT),) for note in report.notes)
