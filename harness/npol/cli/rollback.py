"""`npol rollback`: take back what a story left applied, and prove it."""

from __future__ import annotations

import secrets
from dataclasses import replace

from npol import target_cluster
from npol.changes.recover.recovery import UnreadJournals
from npol.changes.rollback.rollback import plan_rollback
from npol.changes.rollback.rollback import rollback as roll_back
from npol.cli.arguments.rollback import RollbackArguments
from npol.cli.current_progress import progress
from npol.cli.recover import print_runs
from npol.cli.run import tell
from npol.cli.streams import say
from npol.errors import ExitCode
from npol.kube.connection import Connection, Mode, connect
from npol.kube.signals import Stop
from npol.model.story import Story
from npol.report.escape import safe
from npol.report.summary import restore_line
from npol.report.terminal import Terminal
from npol.run import Options, StoryRun
from npol.story import load_story


def rollback(arguments: RollbackArguments) -> int:
    told = load_story(arguments.story, root=arguments.root, overlay=arguments.peers)
    chosen = target_cluster.required("rollback", arguments.kubeconfig, arguments.context)
    mode = Mode.READ_ONLY if arguments.dry_run else Mode.APPLY
    connection = connect(kubeconfig=chosen.kubeconfig, context=chosen.context, mode=mode)
    try:
        act = _show if arguments.dry_run else _do
        return act(connection, told, arguments)
    except UnreadJournals as error:  # one of them may be of this story: nothing is changed
        print_runs(error.runs)
        raise


def _show(connection: Connection, told: Story, arguments: RollbackArguments) -> int:
    plan = plan_rollback(connection, told, modified=arguments.modified)
    for line in str(plan).splitlines():
        say(safe(line))
    say(safe(_foretold(told)))
    return int(ExitCode.RESTORE_INCOMPLETE if plan.problems else ExitCode.AS_EXPECTED)


def _do(connection: Connection, told: Story, arguments: RollbackArguments) -> int:
    code = _undo(connection, told, modified=arguments.modified, allow_gitops=arguments.allow_gitops)
    if code is not ExitCode.AS_EXPECTED or not arguments.verify:
        return int(code)
    return _verify(told, Options(kubeconfig=connection.kubeconfig, context=connection.context))


def _undo(connection: Connection, story: Story, *, modified: bool, allow_gitops: bool) -> ExitCode:
    run_id = f"rollback-{secrets.token_hex(4)}"
    with Stop() as stop:
        done = roll_back(
            connection,
            story,
            run_id=run_id,
            modified=modified,
            allow_gitops=allow_gitops,
            stop=stop,
        )
    for action in done.actions:
        say(f"  {safe(action)}")
    say(restore_line(done))
    return ExitCode.AS_EXPECTED if done.complete else ExitCode.RESTORE_INCOMPLETE


def _foretold(story: Story) -> str:
    baseline = story.baseline
    if baseline is None:
        return "no flow would be asked afterwards: the story has no step without changes"
    flows = len(baseline.flows)
    return f"the {flows} flow(s) of step {baseline.name!r} would be asked again"


def _verify(story: Story, options: Options) -> int:
    """The flows of the baseline, as they are now."""
    baseline = story.baseline
    if baseline is None:
        say("no step without changes: no flow says what it was before")
        return int(ExitCode.UNKNOWN)
    terminal = Terminal(aside=progress().aside)
    asked = replace(story, steps=(baseline,))
    return tell(StoryRun(asked, replace(options, say=progress().say)), terminal)
