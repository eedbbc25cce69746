"""What can be said to `npol explain`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.completion import steps
from npol.cli.arguments.shared import (
    Chart,
    Context,
    Engine,
    Kubeconfig,
    Kustomization,
    Observed,
    Root,
    Values,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainArguments:
    """See `npol explain --help`."""

    what: Annotated[
        str,
        typer.Argument(
            metavar="FLOW|POLICY", help="'ns/pod -> ns/service:80', or ns/policy of any kind."
        ),
    ]
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATHS]...", help="Manifests to look at.")
    ] = None
    chart: Chart = None
    values: Values = None
    kustomization: Kustomization = None
    story: Annotated[
        str | None, typer.Option("--story", help="Look at a story; ends may be its peers.")
    ] = None
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="STEP",
            help="After this step; default: where most policies are in force.",
            autocompletion=steps,
        ),
    ] = None
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="POLICY", help="Also without these.")
    ] = None
    observed: Observed = None
    engine: Engine = None
    context: Context = None
    kubeconfig: Kubeconfig = None
    root: Root = None
