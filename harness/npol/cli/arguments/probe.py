"""What can be said to `npol probe`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.completion import flows, steps
from npol.cli.arguments.shared import Context, Keep, Kubeconfig, Peers, Root


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeArguments:
    """See `npol probe --help`."""

    flow: Annotated[
        str,
        typer.Argument(
            metavar="FLOW",
            help="'ns/pod -> ns/service:80'; with --story a flow of it, or between its peers.",
            autocompletion=flows,
        ),
    ]
    story: Annotated[
        str | None,
        typer.Option("--story", help="With a story's changes; without a context in a lab."),
    ] = None
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="STEP", help="In this step; default: the last.", autocompletion=steps
        ),
    ] = None
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect",
            metavar="WORD",
            help="Exit code 1 if it is not so: allow, deny. Without it any sure answer ends with 0,"
            " and with 3 where packets do not do what the policies say.",
        ),
    ] = None
    context: Context = None
    kubeconfig: Kubeconfig = None
    peers: Peers = None
    root: Root = None
    keep: Keep = False
    settle: Annotated[
        float,
        typer.Option("--settle", min=0, help="Seconds to wait for packets and policies to agree."),
    ] = 5.0
