"""What can be said to `npol init`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import (
    Chart,
    Context,
    Kubeconfig,
    Kustomization,
    Observed,
    Root,
    Values,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitArguments:
    """See `npol init --help`."""

    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATHS]...", help="More for --from-manifests.")
    ] = None
    from_manifests: Annotated[
        list[str] | None,
        typer.Option("--from-manifests", metavar="PATH", help="Files and folders of manifests."),
    ] = None
    chart: Chart = None
    values: Values = None
    kustomization: Kustomization = None
    from_cluster: Annotated[
        bool, typer.Option("--from-cluster", help="What is applied in --context now.")
    ] = False
    observed: Observed = None
    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            help="For manifests that name no namespace; with --from-cluster: only these (repeat or "
            "comma-separate).",
        ),
    ] = None
    name: Annotated[str, typer.Option("--name", help="The story's name.")] = "policies"
    context: Context = None
    kubeconfig: Kubeconfig = None
    root: Root = None

    @property
    def manifests(self) -> list[str]:
        """What is to be read: `--from-manifests a b` names two."""
        return [*(self.from_manifests or ()), *(self.paths or ())]
