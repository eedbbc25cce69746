"""What can be said to `npol init`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Context, Kubeconfig, Observed, Root


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
    chart: Annotated[
        str | None, typer.Option("--helm", metavar="CHART", help="A chart's folder.")
    ] = None
    values: Annotated[
        list[str] | None,
        typer.Option("--values", "-f", metavar="FILE", help="With --helm: a file of values."),
    ] = None
    kustomization: Annotated[
        str | None, typer.Option("--kustomize", metavar="DIR", help="A kustomization.")
    ] = None
    from_cluster: Annotated[
        bool, typer.Option("--from-cluster", help="What is applied in --context now.")
    ] = False
    observed: Observed = None
    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            help="For manifests that name no namespace; with --from-cluster: only these.",
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
