"""`npol run`: does it hold?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from npol import target_cluster
from npol.changes.dry_run.dry_run import plan_changes
from npol.cli.arguments.run import RunArguments
from npol.cli.crashes import crashes_shown
from npol.cli.current_progress import progress
from npol.cli.push import check_address, push
from npol.cli.story_files import load_stories, story_files
from npol.cli.streams import say
from npol.cli.watch import stamps, wait_for_change
from npol.cli.watched_for import WatchedFor
from npol.errors import SIGNALLED, ExitCode, InputError, NpolError, worst
from npol.kube.connection import Mode, connect
from npol.kube.kubeconfig import options_of
from npol.kube.signals import Stopped
from npol.model.next_command import npol_command
from npol.model.selection import Selection, replayed
from npol.model.story import Story
from npol.report.annotations import workflow_commands
from npol.report.escape import paragraph, safe
from npol.report.formats import check_holds, holds_none, together
from npol.report.terminal import Terminal
from npol.report.write import append_summary, check_file, format_of, write_files
from npol.run import Options, StoryRun
from npol.run.details import detailed
from npol.run.read_inventory import foreseen
from npol.run.selected_namespaces import with_selected
from npol.run.shards import Shard

STANDARD_OUTPUT = "-"


def run(arguments: RunArguments) -> int:
    outputs = list(_outputs(arguments))
    for file in {file for file, _ in outputs} - {STANDARD_OUTPUT}:
        check_file(file)
    _refuse_contradictions(arguments, writes=bool(outputs or arguments.push))
    if arguments.push:
        check_address(arguments.push)
    stories = _stories(arguments, story_files(arguments.stories))
    if not stories:
        return _empty(arguments, outputs)
    for _, shape in outputs:
        check_holds(shape, len(stories))
    watched = WatchedFor.of(arguments.watch_for, arguments.events, stories)
    terminal = Terminal(verbose=arguments.verbose > 0, aside=progress().aside)
    if arguments.context is None:
        progress().say("starting a lab")
    with target_cluster.cluster(
        arguments.kubeconfig, arguments.context, ip_families=arguments.ip_families
    ) as chosen:
        options = _options(arguments, chosen)
        if arguments.dry_run:
            return worst(_foretell(story, options) for story in stories)
        if arguments.watch:
            return _watched(arguments, options, terminal)
        runs = [StoryRun(story, options) for story in stories]
        try:
            code = _tell_all(runs, terminal, watched)
        except NpolError:
            _written(runs, outputs, arguments.push)
            raise
    _written(runs, outputs, arguments.push)
    return code


def _stories(arguments: RunArguments, files: Sequence[str]) -> list[Story]:
    """Those of the files that this run is to tell, as far as it is to."""
    found = load_stories(files, root=arguments.root, overlay=arguments.peers)
    if arguments.shard is not None:
        found = Shard.parse(arguments.shard).of(found)
    return [_until(story, arguments.to) for story in found]


def _empty(arguments: RunArguments, outputs: Sequence[tuple[str, str]]) -> int:
    """There are more shards than groups of stories: who collects reports finds one of this, too."""
    say(f"no story is in shard {arguments.shard}")
    _written([], [output for output in outputs if holds_none(output[1])], arguments.push)
    return int(ExitCode.AS_EXPECTED)


def _watched(arguments: RunArguments, options: Options, terminal: Terminal) -> int:
    """Again and again on one cluster, until Ctrl-C; what is wrong in a file is told."""
    files = story_files(arguments.stories)
    seen = stamps(files)
    while True:
        try:
            _tell_all([StoryRun(s, options) for s in _stories(arguments, files)], terminal)
        except NpolError as error:
            say(f"npol: {paragraph(str(error))}", err=True)
        progress().say("waiting for a change")
        names, seen = wait_for_change(lambda: stamps(files), seen)
        say(f"\nchanged: {safe(', '.join(names))}")


def _outputs(arguments: RunArguments) -> Iterator[tuple[str, str]]:
    """
    Files to write, and how.

    Raises:
        InputError: a file's suffix names no format.
    """
    shapes = {STANDARD_OUTPUT: "line"}
    yield from ((file, shapes.get(file) or format_of(file)) for file in arguments.report or [])
    named = ((arguments.html, "html"), (arguments.junit, "junit"))
    yield from ((file, shape) for file, shape in named if file)


def _refuse_contradictions(arguments: RunArguments, *, writes: bool) -> None:
    if arguments.lab and (arguments.context is not None or arguments.kubeconfig is not None):
        raise InputError("--lab and --context name two clusters", hint="leave one of them out")
    if (arguments.dry_run or arguments.watch) and writes:
        option = "--dry-run" if arguments.dry_run else "--watch"
        raise InputError(f"{option} writes no reports", hint="leave one of them out")
    if (arguments.leave or arguments.keep) and arguments.context is None:
        raise InputError(
            "a lab ends with the run: there is nothing to leave", hint="--context NAME"
        )


def _options(arguments: RunArguments, chosen: target_cluster.TargetCluster) -> Options:
    return Options(
        kubeconfig=chosen.kubeconfig,
        context=chosen.context,
        create=arguments.create or arguments.create_all or chosen.is_lab,
        create_all=arguments.create_all or chosen.is_lab,
        disposable=chosen.is_lab,
        replace=arguments.replace,
        allow_gitops=arguments.allow_gitops,
        assume_enforced=arguments.assume_enforced or arguments.no_canary,
        pods_beside=not arguments.no_canary,
        leave=arguments.leave,
        keep=arguments.keep,
        wait=arguments.wait,
        recover_stale=arguments.recover_stale,
        max_unlisted_pods=arguments.max_unlisted_pods,
        start_within=arguments.start_within,
        settle=arguments.settle,
        watched=arguments.watch_for is not None,
        qps=arguments.qps,
        flow_records=arguments.flow_records,
        say=progress().say,
        notice=_notice,
    )


def _tell_all(
    runs: Sequence[StoryRun], terminal: Terminal, watched: WatchedFor | None = None
) -> int:
    """One after the other; what keeps one from beginning does not keep the others."""
    if len(runs) == 1:
        return tell(runs[0], terminal, watched)
    codes = []
    for number, run in enumerate(runs):
        if number:
            say("")
        try:
            codes.append(tell(run, terminal))
        except NpolError as error:
            say(f"npol: {run.story.path}: {paragraph(str(error))}", err=True)
            codes.append(int(error.exit_code))
        if codes[-1] > SIGNALLED or codes[-1] == ExitCode.RESTORE_INCOMPLETE:
            break
    return worst(codes)


def _written(
    runs: Sequence[StoryRun], outputs: Sequence[tuple[str, str]], push_to: str | None
) -> None:
    """The reports that are asked for, and those that a CI job is known to read."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not (outputs or summary or push_to):
        return
    progress().say("writing reports")
    reports = [detailed(run.report(), run.story) for run in runs]
    try:
        write_files((o for o in outputs if o[0] != STANDARD_OUTPUT), reports)
    finally:
        for shape in (shape for file, shape in outputs if file == STANDARD_OUTPUT):
            say(together(shape, reports))
        if summary:
            append_summary(summary, reports)
        if push_to:
            push(push_to, together("prometheus", reports))


def _notice(line: str) -> None:
    with progress().aside():
        say(safe(line))


def _foretell(story: Story, options: Options) -> int:
    story = with_selected(story, options)
    connection = connect(kubeconfig=options.kubeconfig, context=options.context, mode=Mode.APPLY)
    plan = plan_changes(
        connection, story, replace=options.replace, allow_gitops=options.allow_gitops
    )
    against = [
        f"refused: {f.what}"
        for f in foreseen(connection, story, max_unlisted_pods=options.max_unlisted_pods)
    ]
    for line in (*str(plan).splitlines(), *against):
        say(safe(line))
    return int(ExitCode.REFUSED if plan.problems or against else ExitCode.AS_EXPECTED)


def _until(story: Story, to: str | None) -> Story:
    if to is None:
        return story
    names = [s.name for s in story.steps]
    if to not in names:
        raise InputError(f"story {story.name!r} has no step {to!r}", hint=f"one of: {names}")
    wanted = story.steps[: names.index(to) + 1]
    flows = {(s.name, f.name) for s in wanted for f in s.flows}
    checks = {(s.name, c.name) for s in wanted for c in s.checks}
    return replayed(story, Selection(frozenset(flows | checks)))


def tell(run: StoryRun, terminal: Terminal, watched: WatchedFor | None = None) -> int:
    """Run a story and show it, watch it, then give the cluster back; the exit status."""
    terminal.title(run.story.name, run.story.path)
    with _given_back(run):
        run.open()
        for step in run.story.steps:
            terminal.step(run.reach(step.name))
        if watched:
            watched.watch(run, terminal)
    return _ended(run, terminal)


@contextmanager
def _given_back(run: StoryRun) -> Iterator[None]:
    """However a run ends, the cluster is given back; its report knows of a stop and a defect."""
    with suppress(Stopped), crashes_shown():
        try:
            yield
        finally:
            run.close()


def _ended(run: StoryRun, terminal: Terminal) -> int:
    told = run.report()
    terminal.ending(told, rerun=_again(run))
    for line in workflow_commands([told]) if os.environ.get("GITHUB_ACTIONS") == "true" else ():
        say(line)
    return told.exit_status


def _again(run: StoryRun) -> str:
    options = run.options
    there = "" if options.disposable else options_of(options.kubeconfig, options.context)
    return npol_command("run", path=run.story.path, options=there)
