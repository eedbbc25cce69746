"""Where commands meet: one application, one way to end."""

from __future__ import annotations

import functools
import gc
import inspect
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from npol import __version__
from npol.cli.crashes import show_crash, show_uncaught
from npol.cli.light_command import LightCommand
from npol.cli.streams import UNREAD, install, say
from npol.errors import NO_WINDOWS, ExitCode, NpolError, RestoreIncomplete, is_defect
from npol.kube.signals import Stop, Stopped

Command = Callable[..., int | None]

COMMANDS = {
    "run": "Does it hold? Runs a story, then gives the cluster back.",
    "probe": "Is it open? One flow, one debug pod, one answer; nothing is left.",
    "plan": "What would change? Step by step, or between two sets of manifests.",
    "check": "Is it well written, and is it covered?",
    "explain": "Why? A flow or a policy, in sentences.",
    "init": "Where do I start? A first story, on standard output.",
    "doctor": "Can this cluster be trusted, and with which RBAC permissions?",
    "document": "Write it down: policies in words, who reaches whom.",
    "rollback": "Take back what a story left applied, and prove it.",
    "recover": "As before, please: restores what dead runs have changed.",
    "report": "Show me an earlier run.",
    "lab": "A cluster to try it in: starts a lab and waits for Ctrl-C.",
}
"""
Each is the function of its name in the module of its name, and what the help says of it. What can
be said to it stands in the module of its name in `arguments`.
"""

EXAMPLES = {
    "run": "npol run policies/shop.npol.yaml --context dev --html out.html",
    "probe": "npol probe 'shop/web -> shop/db:5432' --context dev",
    "plan": "npol plan policies/shop.npol.yaml",
    "check": "npol check policies/",
    "explain": "npol explain 'shop/web -> shop/db:5432' manifests/",
    "init": "npol init --from-manifests manifests/ > first.npol.yaml",
    "doctor": "npol doctor --context dev --namespaces shop",
    "document": "npol document policies/shop.npol.yaml",
    "rollback": "npol rollback policies/shop.npol.yaml --context dev",
    "recover": "npol recover --context dev",
    "report": "npol report run.json --format html > run.html",
    "lab": "npol lab",
}
"""What each command's help ends with."""

SETTINGS: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class LazyGroup(TyperGroup):
    """
    Lists its commands without their modules, which import all of npol between them.

    Whoever goes on with a command, to run it or to complete its options, gets one with all options.
    """

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, TyperCommand | None, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else None, rest

    def get_params(self, ctx: Any) -> list[Any]:
        """The flags of typer itself have no default, and to look at None it loads pydantic."""
        options = super().get_params(ctx)
        for option in options:
            option.default = option.default or False
        return options


app = typer.Typer(
    name="npol",
    cls=LazyGroup,
    help="Proves with real packets which flows a cluster's NetworkPolicies let through.",
    no_args_is_help=True,
    **SETTINGS,
)
for _name, _help in COMMANDS.items():
    app.command(name=_name, help=_help)(lambda: None)


def load(name: str) -> TyperCommand:
    """A command with its options; the module that acts is imported when it is called."""
    alone = typer.Typer(add_completion=False, **SETTINGS)
    example = f"Example: {EXAMPLES[name]}"
    alone.command(name=name, help=COMMANDS[name], epilog=example, cls=LightCommand)(
        _ended(_command(name))
    )
    command = typer.main.get_command(alone)
    assert isinstance(command, TyperCommand)
    return command


def _command(name: str) -> Command:
    """
    A command as typer takes one: a parameter for each of its arguments.

    Where it speaks to a cluster it can log, and has an option for that.
    """
    from npol.cli.log_output import Verbose, logged

    arguments = getattr(import_module(f"npol.cli.arguments.{name}"), f"{name.title()}Arguments")

    def run(*, verbose: int = 0, **options: Any) -> int | None:
        from npol.cli.current_progress import shown  # completion has no use for it

        with logged(verbose), shown(name, quiet=verbose > 0):
            gc.disable()  # what modules make stays: collecting between them finds nothing
            action: Callable[[Any], int | None] = getattr(import_module(f"npol.cli.{name}"), name)
            gc.freeze()
            gc.enable()
            if "verbose" in parameters:
                options["verbose"] = verbose
            return action(arguments(**options))

    parameters = inspect.signature(arguments, eval_str=True).parameters
    signature = parameters
    if "context" in parameters:
        log = inspect.Parameter(
            "verbose", inspect.Parameter.KEYWORD_ONLY, default=0, annotation=Verbose
        )
        signature = MappingProxyType({**parameters, log.name: log})
    run.__signature__ = inspect.Signature(list(signature.values()))  # type: ignore[attr-defined]
    return run


def _ended(command: Command) -> Command:
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


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if show:
        say(f"npol {__version__}")
        raise typer.Exit


SPELLED = {"--create=all": "--create-all"}
"""An option that is a flag and may have a value, which click does not read."""


def main() -> None:
    """The `npol` command. Exit codes: `npol.errors.ExitCode`."""
    if os.name == "nt":
        print(f"npol: {NO_WINDOWS}", file=sys.stderr)
        sys.exit(ExitCode.BAD_INPUT)
    unread = install()
    show_uncaught()
    with Stop():
        code = _run()
    sys.exit(UNREAD if unread() and code != ExitCode.RESTORE_INCOMPLETE else code)


def _run() -> int:
    try:
        return int(app(args=[SPELLED.get(a, a) for a in sys.argv[1:]], standalone_mode=False) or 0)
    except NpolError as error:
        return _told(error)
    except Exception as error:
        show = getattr(error, "show", None)
        if show is None or not hasattr(error, "exit_code"):
            return show_crash(error)
        show()  # a wrong option or argument, in click's words
        return int(ExitCode.BAD_INPUT)


def _told(error: NpolError) -> int:
    from npol.report.escape import paragraph

    if isinstance(error, RestoreIncomplete) and error.__cause__ and is_defect(error.__cause__):
        show_crash(error.__cause__)
    print(f"npol: {paragraph(str(error))}", file=sys.stderr)
    return int(error.exit_code)
