"""man/npol.1, from the command line's own words; the wheel brings it to share/man/man1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import command_reference
import typer

from npol import __version__
from npol.cli.app import COMMANDS, EXAMPLES, load
from npol.errors import ExitCode

PAGE = Path(__file__).resolve().parent.parent / "man/npol.1"
ABOUT = (
    "proves, with real packets, which flows a cluster's NetworkPolicies let through: before them, "
    "after each one that is applied, and after the rollback"
)
LIST = re.compile(r" <list\[\w+\]>")
"""What typer adds to a name that may be repeated."""
ENVIRONMENT = {
    "KUBECONFIG": "Kubeconfig files, as for kubectl. The current context is never used.",
    "XDG_STATE_HOME": "Where journals of runs are kept; default: ~/.local/state.",
    "NO_COLOR": "Without colours.",
}


def man_page() -> str:
    """All of it, as man reads it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f'.TH NPOL 1 "" "npol {__version__}" "User Commands"'
    yield from (".SH NAME", "npol \\- tests what NetworkPolicies let through, with packets")
    yield from (".SH SYNOPSIS", ".B npol", "COMMAND [OPTIONS] [ARGUMENTS]")
    yield from (".SH DESCRIPTION", _text(f"npol {ABOUT}. Expectations stand in story files."))
    yield from (".P", "Each command answers one question. Without a context a lab is started.")
    yield ".SH COMMANDS"
    for name in COMMANDS:
        yield from _command(name)
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from (".TP", f".B {int(code)}", _text(command_reference.EXIT_CODES[code]))
    yield from (".TP", ".B 128+n", "ended by signal n; the cluster is as it was found")
    yield ".SH ENVIRONMENT"
    for variable, meaning in ENVIRONMENT.items():
        yield from (".TP", f".B {variable}", _text(meaning))
    yield from (".SH SEE ALSO", "kubectl(1), pytest(1)")


def _command(name: str) -> Iterator[str]:
    command = load(name)
    context: Any = typer.Context(
        command, info_name=f"npol {name}", help_option_names=command_reference.HELP
    )
    usage = re.sub(r"\{(\S+)\}\.\.\.", r"\1", " ".join(command.collect_usage_pieces(context)))
    yield from (f".SS npol {name} {_text(usage)}", _text(COMMANDS[name]))
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and "--help" not in record[0]:
            yield from (".TP", f".B {_text(LIST.sub('', record[0]))}", _text(record[1]))
    yield from (".P", "Example:", ".RS", ".nf", _text(EXAMPLES[name]), ".fi", ".RE")


def _text(words: str) -> str:
    """One line that man prints as it is: no command, no escape, hyphens that can be copied."""
    line = re.sub(r"\s+", " ", words).strip().replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line.startswith((".", "'")) else line
