"""`npol run`: does it hold?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from npol import target_cluster
from npol.changes.dry_run.dry_run import plan_changes
from npol.cli.arguments.run import RunArguments
from npol.cli.crashes import crashes_shown
from npol.cli.current_progress import progress
from npol.cli.streams import say
from npol.errors import ExitCode, InputError
from npol.kube.connection import Mode, connect
from npol.kube.kubeconfig import options_of
from npol.kube.signals import Stopped
from npol.model.selection import Selection, replayed
from npol.model.story import Story
from npol.report.annotations import workflow_commands
from npol.report.escape import safe
from npol.report.json import to_json
from npol.report.terminal import Terminal
from npol.run import Options, StoryRun
from npol.run.read_inventory import foreseen
from npol.story import load_story


def run(arguments: RunArguments) -> int:
    told = _until(
        load_story(arguments.story, root=arguments.root, overlay=arguments.peers), arguments.to
    )
    terminal = Terminal(verbose=arguments.verbose > 0, aside=progress().aside)
    if arguments.lab and (arguments.context is not None or arguments.kubeconfig is not None):
        raise InputError("--lab and --context name two clusters", hint="leave one of them out")
    if (arguments.leave or arguments.keep) and arguments.context is None:
        raise InputError(
            "a lab ends with the run: there is nothing to leave", hint="--context NAME"
        )
    if arguments.context is None:
        progress().say("starting a lab")
    with target_cluster.cluster(
        arguments.kubeconfig, arguments.context, ip_families=arguments.ip_families
    ) as chosen:
        options = Options(
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
            flow_records=arguments.flow_records,
            say=progress().say,
        )
        if arguments.dry_run:
            return _foretell(told, options)
        return tell(StoryRun(told, options), terminal, arguments.report)


def _foretell(story: Story, options: Options) -> int:
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


def tell(run: StoryRun, terminal: Terminal, file: str | None = None) -> int:
    """Run a story and show it, then give the cluster back; the exit status."""
    terminal.title(run.story.name, run.story.path)
    with _given_back(run):
        run.open()
        for step in run.story.steps:
            terminal.step(run.reach(step.name))
    return _ended(run, terminal, file)


@contextmanager
def _given_back(run: StoryRun) -> Iterator[None]:
    """However a run ends, the cluster is given back; its report knows of a stop and a defect."""
    with suppress(Stopped), crashes_shown():
        try:
            yield
        finally:
            run.close()


def _ended(run: StoryRun, terminal: Terminal, file: str | None) -> int:
    told = run.report()
    terminal.ending(told, rerun=_again(run))
    for line in workflow_commands([told]) if os.environ.get("GITHUB_ACTIONS") == "true" else ():
        say(line)
    if file:
        Path(file).write_text(to_json(told), encoding="utf-8")
    return told.exit_status


def _again(run: StoryRun) -> str:
    options = run.options
    there = "" if options.disposable else f" {options_of(options.kubeconfig, options.context)}"
    return f"npol run {run.story.path}{there}"
