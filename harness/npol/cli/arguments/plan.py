"""What can be said to `npol plan`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Chart, Kustomization, Observed, Peers, Root, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanArguments:
    """See `npol plan --help`."""

    what: Annotated[
        str | None,
        typer.Argument(
            metavar="STORY|DIR", help="A story file; with --against, --observed also manifests."
        ),
    ] = None
    chart: Chart = None
    values: Values = None
    kustomization: Kustomization = None
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="DIR", help="Compare with these manifests (the older)."),
    ] = None
    observed: Observed = None
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="STEP",
            help="Only this step of a story; with --observed the policies after it; default: all, "
            "and with --observed the step with most.",
        ),
    ] = None
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            help="Network plugin (CNI) whose semantics to apply; default: the one whose own kinds "
            "of policy there are, else calico; with --observed the one that told the flows.",
        ),
    ] = None
    peers: Peers = None
    root: Root = None
