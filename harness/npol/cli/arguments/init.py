"""What can be said to `npol init`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Context, Kubeconfig, Root


@dataclass(frozen=True, slots=True, kw_only=True)
class InitArguments:
    """See `npol init --help`."""

    manifests: Annotated[
        str | None, typer.Option("--from-manifests", metavar="DIR", help="Apps and policies.")
    ] = None
    from_cluster: Annotated[
        bool, typer.Option("--from-cluster", help="What is applied in --context now.")
    ] = False
    namespace: Annotated[
        list[str] | None, typer.Option("--namespace", "-n", help="Only these namespaces.")
    ] = None
    name: Annotated[str, typer.Option("--name", help="The story's name.")] = "policies"
    context: Context = None
    kubeconfig: Kubeconfig = None
    root: Root = None
