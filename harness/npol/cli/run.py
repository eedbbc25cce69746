"""`npol run`: does it hold?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from npol import target_cluster
from npol.changes.dry_run.dry_run import plan_changes
from npol.cli.options import ContextOrLab, Kubeconfig, Peers, Root, StoryFile
from npol.errors import ExitCode, InputError
from npol.kube.connection import Mode, connect
from npol.kube.kubeconfig import options_of
from npol.kube.signals import Stopped
from npol.model.selection import Selection, replayed
from npol.model.story import Story
from npol.report.escape import safe
from npol.report.json import to_json
from npol.report.terminal import Terminal
from npol.run import Options, StoryRun
from npol.run.read_inventory import foreseen
from npol.story import load_story


def run(
    story: StoryFile,
    context: ContextOrLab = None,
    kubeconfig: Kubeconfig = None,
    lab: Annotated[
        bool, typer.Option("--lab", help="In a lab, as without a context; says so in scripts.")
    ] = False,
    peers: Peers = None,
    root: Root = None,
    create: Annotated[
        bool, typer.Option("--create", help="Create what the story lists under `given`.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Policies that exist may be replaced for a while.")
    ] = False,
    allow_gitops: Annotated[
        bool,
        typer.Option("--allow-gitops", help="Also change what Argo CD, Flux and the like own."),
    ] = False,
    assume_enforced: Annotated[
        bool, typer.Option("--assume-enforced", help="Judge denies without proof of enforcement.")
    ] = False,
    leave: Annotated[
        bool,
        typer.Option("--leave", help="Keep what the steps applied; `npol rollback` undoes it."),
    ] = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="STEP", help="Stop after this step.")
    ] = None,
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, help="Seconds to wait for a namespace that is held."),
    ] = 0.0,
    recover_stale: Annotated[
        bool,
        typer.Option("--recover-stale", help="Restore what a dead run has left here, then begin."),
    ] = False,
    max_unlisted_pods: Annotated[
        int,
        typer.Option(
            "--max-unlisted-pods",
            min=0,
            help="Maximum pods outside the story that its policies may select.",
        ),
    ] = 50,
    settle: Annotated[
        float | None,
        typer.Option(
            "--settle", min=0, help="Seconds in which flows may come to what is expected."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be applied, and change nothing.")
    ] = False,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Write the run as JSON.")
    ] = None,
) -> int:
    told = _until(load_story(story, root=root, overlay=peers), to)
    terminal = Terminal()
    if lab and (context is not None or kubeconfig is not None):
        raise InputError("--lab and --context name two clusters", hint="leave one of them out")
    if leave and context is None:
        raise InputError(
            "a lab ends with the run: there is nothing to leave", hint="--context NAME"
        )
    with target_cluster.cluster(kubeconfig, context) as chosen:
        options = Options(
            kubeconfig=chosen.kubeconfig,
            context=chosen.context,
            create=create or chosen.is_lab,
            disposable=chosen.is_lab,
            replace=replace,
            allow_gitops=allow_gitops,
            assume_enforced=assume_enforced,
            leave=leave,
            wait=wait,
            recover_stale=recover_stale,
            max_unlisted_pods=max_unlisted_pods,
            settle=settle,
            say=terminal.progress,
        )
        if dry_run:
            return _foretell(told, options)
        return tell(StoryRun(told, options), terminal, report)


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
        typer.echo(safe(line))
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
    try:
        run.open()
    except Stopped:
        return _ended(run, terminal, file)
    try:
        for step in run.story.steps:
            terminal.step(run.reach(step.name))
    except Stopped:
        pass  # the report knows of it
    finally:
        run.close()
        code = _ended(run, terminal, file)
    return code


def _ended(run: StoryRun, terminal: Terminal, file: str | None) -> int:
    told = run.report()
    terminal.ending(told, rerun=_again(run))
    if file:
        Path(file).write_text(to_json(told), encoding="utf-8")
    return told.exit_status


def _again(run: StoryRun) -> str:
    options = run.options
    there = "" if options.disposable else f" {options_of(options.kubeconfig, options.context)}"
    return f"npol run {run.story.path}{there}"
