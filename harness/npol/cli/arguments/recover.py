"""What can be said to `npol recover`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Context, Kubeconfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverArguments:
    """See `npol recover --help`."""

    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="This run only; without one: all.")
    ] = None
    context: Context = None
    kubeconfig: Kubeconfig = None
    show: Annotated[bool, typer.Option("--list", help="Show the open runs, and do nothing.")] = (
        False
    )
    accept_foreign: Annotated[
        bool,
        typer.Option(
            "--accept-foreign", help="Accept changes made by others; count them as restored."
        ),
    ] = False
