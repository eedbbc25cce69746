"""What can be said to `npol plan`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Peers, Root


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanArguments:
    """See `npol plan --help`."""

    what: Annotated[
        str, typer.Argument(metavar="STORY|DIR", help="A story file, or manifests with --against.")
    ]
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="DIR", help="Compare with these manifests (the older)."),
    ] = None
    engine: Annotated[
        str, typer.Option("--engine", help="Network plugin (CNI) whose semantics to apply.")
    ] = "calico"
    peers: Peers = None
    root: Root = None
