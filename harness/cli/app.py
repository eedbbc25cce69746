"""Where commands meet: one application, one way to end."""

from __future__ import annotations

import sys

import typer

from harness import __version__
from harness.cli import lab, recover, run
from harness.errors import ExitCode, NpolError

app = typer.Typer(
    name="npol",
    help="Proves with real packets which flows a cluster's NetworkPolicies let through.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="run", help="Does it hold? Runs a story, then gives the cluster back.")(run.run)
app.command(name="recover", help="As before, please: restores what dead runs have changed.")(
    recover.recover
)
app.command(name="lab", help="A cluster to try it in: starts a lab and waits for Ctrl-C.")(lab.lab)


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if show:
        typer.echo(f"npol {__version__}")
        raise typer.Exit


def main() -> None:
    """The `npol` command. Exit codes: `harness.errors.ExitCode`."""
    try:
        code = app(standalone_mode=False)
    except NpolError as error:
        print(f"npol: {error}", file=sys.stderr)
        code = error.exit_code
    except typer.Abort:
        code = 130
    except Exception as error:
        code = _usage(error)
    sys.exit(int(code or 0))


def _usage(error: Exception) -> int:
    """A wrong option or argument, in click's words; everything else is a defect and is raised."""
    show = getattr(error, "show", None)
    if show is None or not hasattr(error, "exit_code"):
        raise error
    show()
    return int(ExitCode.BAD_INPUT)
