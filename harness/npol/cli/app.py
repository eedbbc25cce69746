"""Where commands meet: one application, one way to end."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable

import typer

from npol import __version__
from npol.cli import (
    check,
    doctor,
    document,
    explain,
    init,
    lab,
    plan,
    recover,
    report,
    rollback,
    run,
)
from npol.cli.broken_pipe import UNREAD, install
from npol.errors import ExitCode, NpolError
from npol.kube.signals import Stop, Stopped

app = typer.Typer(
    name="npol",
    help="Proves with real packets which flows a cluster's NetworkPolicies let through.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, tuple[Callable[..., int | None], str]] = {
    "run": (run.run, "Does it hold? Runs a story, then gives the cluster back."),
    "plan": (plan.plan, "What would change? Step by step, or between two sets of manifests."),
    "check": (check.check, "Is it well written, and is it covered?"),
    "explain": (explain.explain, "Why? A flow or a policy, in sentences."),
    "init": (init.init, "Where do I start? A first story, on standard output."),
    "doctor": (doctor.doctor, "Can this cluster be trusted, and with which rights?"),
    "document": (document.document, "Write it down: policies in words, who reaches whom."),
    "rollback": (rollback.rollback, "Take back what a story left applied, and prove it."),
    "recover": (recover.recover, "As before, please: restores what dead runs have changed."),
    "report": (report.report, "Show me an earlier run."),
    "lab": (lab.lab, "A cluster to try it in: starts a lab and waits for Ctrl-C."),
}


def _ended(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A command that a signal ends with its own exit code; click makes 130 of every signal."""

    @functools.wraps(command)
    def run(*arguments: object, **options: object) -> int | None:
        try:
            return command(*arguments, **options)
        except Stopped as stopped:
            if stopped.number != signal.SIGPIPE:
                print(f"npol: {stopped}", file=sys.stderr)
            return stopped.exit_code

    return run


for _name, (_command, _help) in COMMANDS.items():
    app.command(name=_name, help=_help)(_ended(_command))


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if show:
        typer.echo(f"npol {__version__}")
        raise typer.Exit


def main() -> None:
    """The `npol` command. Exit codes: `npol.errors.ExitCode`."""
    unread = install()
    with Stop():
        code = _run()
    sys.exit(UNREAD if unread() and code != ExitCode.RESTORE_INCOMPLETE else code)


def _run() -> int:
    try:
        return int(app(standalone_mode=False) or 0)
    except NpolError as error:
        print(f"npol: {error}", file=sys.stderr)
        return int(error.exit_code)
    except Exception as error:
        return _usage(error)


def _usage(error: Exception) -> int:
    """A wrong option or argument, in click's words; everything else is a defect and is raised."""
    show = getattr(error, "show", None)
    if show is None or not hasattr(error, "exit_code"):
        raise error
    show()
    return int(ExitCode.BAD_INPUT)
