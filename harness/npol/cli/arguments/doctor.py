"""What can be said to `npol doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Context, Kubeconfig
from npol.kube.guard import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorArguments:
    """See `npol doctor --help`."""

    context: Context = None
    kubeconfig: Kubeconfig = None
    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--namespaces", "-n", help="Namespaces to examine (repeat or comma-separate)."
        ),
    ] = None
    stories: Annotated[
        list[str] | None,
        typer.Option("--story", metavar="STORY", help="For what this story names and does."),
    ] = None
    rbac: Annotated[
        Mode | None, typer.Option("--rbac", help="Print the RBAC permissions that this mode needs.")
    ] = None
    mode: Annotated[
        Mode, typer.Option("--mode", help="Check the RBAC permissions of this mode.")
    ] = Mode.APPLY
    canary: Annotated[
        bool, typer.Option(help="Prove enforcement with two pods in npol-system.")
    ] = True
    collect: Annotated[
        str | None,
        typer.Option("--collect", metavar="FILE", help="Gather all that helps in a .tar.gz."),
    ] = None
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Put this run's JSON into the archive, too."),
    ] = None
