"""docs/reference/commands.md and pytest.md, from the command line's and pytest's own words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import typer

from npol.cli.app import COMMANDS, load
from npol.errors import PRECEDENCE, ExitCode
from npol.pytest_plugin.fixtures import netpol, npol_cluster
from npol.pytest_plugin.options import CLUSTER, add_options
from npol.run.python_api import Scripted

ROOT = Path(__file__).resolve().parent.parent
COMMANDS_PAGE = ROOT / "docs/reference/commands.md"
PYTEST_PAGE = ROOT / "docs/reference/pytest.md"
WIDTH = 100
HELP = ["-h", "--help"]

EXIT_CODES = {
    ExitCode.AS_EXPECTED: "everything is as expected",
    ExitCode.DIFFERS: "a verdict differs; `check`, `plan`, `doctor`: something is to be mended",
    ExitCode.BAD_INPUT: "a file or an argument is wrong; no request was sent",
    ExitCode.UNKNOWN: "something is unknown: a probe did not run, or a control is missing",
    ExitCode.REFUSED: "preflight or a guard refused; nothing was changed",
    ExitCode.LOCK: "another run holds a namespace, or took it",
    ExitCode.RESTORE_INCOMPLETE: "the cluster is not as it was found: `npol recover`",
    ExitCode.CRASHED: "npol itself broke",
}
COMMANDS_HEAD = """# Commands

Written by `make reference` from the command line itself; a test holds that it is up to date.
`python -m npol` is the same as `npol`.

Completion of commands, options, contexts, steps and peers, for bash, zsh, fish and PowerShell:
`npol --install-completion`, or `npol --show-completion` to put it where you want it.
"""
PYTEST_HEAD = """# pytest: options and fixtures

Written by `make reference` from the plugin; a test holds that it is up to date. What results
mean, and npol beside other plugins: [npol in pytest](../pytest.md). A guide:
[tests in Python](../how-to/python.md).

## Options

| option | meaning |
|---|---|
"""


def commands_page() -> str:
    """docs/reference/commands.md."""
    return COMMANDS_HEAD + "".join(map(_command, COMMANDS)) + "\n".join(_exit_codes()) + "\n"


def _command(name: str) -> str:
    command = load(name)
    context = typer.Context(
        command, info_name=f"npol {name}", terminal_width=WIDTH, help_option_names=HELP
    )
    told = re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE)
    return f"\n## npol {name}\n\n```text\n{told.strip()}\n```\n"


def _exit_codes() -> Iterator[str]:
    yield "\n## Exit codes\n"
    yield "| code | name | meaning |\n|---|---|---|"
    for code in ExitCode:
        yield f"| {int(code)} | `{code.name}` | {EXIT_CODES[code]} |"
    yield "| 128+n | | ended by signal n; the cluster is as it was found |"
    worst = ", ".join(str(int(code)) for code in PRECEDENCE)
    yield f"\nWhere one run ends for several reasons, the first of these counts: {worst}."
    yield "pytest ends with its own codes, and with 4 where preflight refuses."


def pytest_page() -> str:
    """docs/reference/pytest.md."""
    options = "\n".join(f"| `{name}` | {text} |" for name, text in _options())
    parts = [PYTEST_HEAD + options, "", "## Fixtures", ""]
    fixtures: tuple[Any, ...] = (npol_cluster, netpol)
    for fixture in fixtures:
        function = inspect.unwrap(fixture)
        scope = "session" if fixture is npol_cluster else "function"
        parts += [f"### {function.__name__}", "", f"Scope: {scope}.", "", _told(function), ""]
    for name in ("apply", "delete", "expect"):
        method = getattr(Scripted, name)
        parts += [f"#### net.{name}{_signature(method)}", "", _told(method), ""]
    return "\n".join(parts).rstrip() + "\n"


def _options() -> Iterator[tuple[str, str]]:
    """Each option as it is typed, and its help."""
    found: list[tuple[str, dict[str, Any]]] = []
    group = SimpleNamespace(addoption=lambda name, **more: found.append((name, more)))
    parser: Any = SimpleNamespace(getgroup=lambda *_: group)
    for option, (metavar, text) in CLUSTER.items():
        yield f"{option}={metavar}", text
    add_options(parser)
    for name, more in found:
        value = f"={more['metavar']}" if "metavar" in more else ""
        yield f"{name}{value}".replace("|", "\\|"), more["help"].replace("|", "\\|")


def _told(function: Any) -> str:
    text, _, raised = (inspect.getdoc(function) or "").partition("\nRaises:\n")
    errors = re.sub(r"^ +(\w+): ", r"- `\1`: ", raised, flags=re.MULTILINE)
    return f"{text}\nRaises:\n\n{errors}" if raised else text


def _signature(method: Any) -> str:
    text = str(inspect.signature(method, eval_str=False)).replace("self, ", "")
    return text.replace("'", "").partition(" ->")[0]
