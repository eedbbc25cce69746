"""What can be said to `npol document`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import (
    Chart,
    Context,
    Kubeconfig,
    Kustomization,
    Peers,
    Root,
    Values,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentArguments:
    """See `npol document --help`."""

    what: Annotated[
        str | None, typer.Argument(metavar="STORY|DIR", help="A story file, or manifests.")
    ] = None
    chart: Chart = None
    values: Values = None
    kustomization: Kustomization = None
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write or update the page.")
    ] = None
    check: Annotated[
        str | None, typer.Option("--check", metavar="FILE", help="Fail when this page is stale.")
    ] = None
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="STEP", help="Default: the step with most policies."),
    ] = None
    context: Context = None
    kubeconfig: Kubeconfig = None
    peers: Peers = None
    root: Root = None
