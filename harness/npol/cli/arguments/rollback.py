"""What can be said to `npol rollback`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Context, Kubeconfig, Peers, Root, StoryFile


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackArguments:
    """See `npol rollback --help`."""

    story: StoryFile
    context: Context = None
    kubeconfig: Kubeconfig = None
    peers: Peers = None
    root: Root = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")
    ] = False
    modified: Annotated[
        bool, typer.Option("--modified", help="Also delete policies that differ from their files.")
    ] = False
    allow_gitops: Annotated[
        bool,
        typer.Option("--allow-gitops", help="Also delete what Argo CD, Flux and the like own."),
    ] = False
    verify: Annotated[
        bool, typer.Option(help="Ask the flows of the step before all changes again.")
    ] = True
