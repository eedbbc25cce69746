"""`npol recover`: as before, please."""

from __future__ import annotations

from collections.abc import Sequence

from npol import target_cluster
from npol.changes.recover.recovery import (
    OpenRun,
    RecoveredInPart,
    Recovery,
    UnreadJournals,
    exit_code,
    open_runs,
)
from npol.changes.recover.recovery import recover as recover_runs
from npol.cli.arguments.recover import RecoverArguments
from npol.cli.streams import say
from npol.errors import ExitCode
from npol.kube.connection import Connection, Mode, connect
from npol.kube.signals import Stop
from npol.report.escape import safe
from npol.report.summary import restore_line


def recover(arguments: RecoverArguments) -> int:
    chosen = target_cluster.required("recover", arguments.kubeconfig, arguments.context)
    mode = Mode.READ_ONLY if arguments.show else Mode.APPLY
    connection = connect(kubeconfig=chosen.kubeconfig, context=chosen.context, mode=mode)
    if arguments.show:
        return _list(connection)
    try:
        with Stop() as stop:
            done = recover_runs(
                connection, run_id=arguments.run, accept_foreign=arguments.accept_foreign, stop=stop
            )
    except RecoveredInPart as error:
        _print_all(error.done, connection)
        raise
    _print_all(done, connection)
    return int(exit_code(done))


def _list(connection: Connection) -> int:
    try:
        print_runs(open_runs(connection))
    except UnreadJournals as error:
        print_runs(error.runs)
        raise
    return int(ExitCode.AS_EXPECTED)


def print_runs(runs: Sequence[OpenRun]) -> None:
    """A line for each run that has left a journal."""
    for one in runs:
        say(safe(str(one)) + ("   (left on purpose)" if one.left else ""))


def _print_all(done: Sequence[Recovery], connection: Connection) -> None:
    for recovery in done:
        _print(recovery)
    say(f"{len(done)} open run(s) in context {connection.context} ({connection.server})")


def _print(recovery: Recovery) -> None:
    say(safe(str(recovery.run)))
    if recovery.result is None:
        say(f"  skipped: {safe(recovery.skipped)}")
        return
    for action in (*recovery.result.actions, *recovery.result.notes):
        say(f"  {safe(action)}")
    say(f"  {restore_line(recovery.result)}")
    for problem in recovery.result.problems:
        say(f"  {safe(problem)}")
