"""`npol lab`: a cluster to try it in."""

from __future__ import annotations

import signal
from typing import Annotated

import typer


def lab(
    nodes: Annotated[int, typer.Option(help="Worker nodes.", min=1, max=8)] = 2,
    enforcement: Annotated[
        bool, typer.Option(help="Whether NetworkPolicies have any effect.")
    ] = True,
    enforcement_delay: Annotated[
        float, typer.Option(help="Seconds from a policy's change to its effect.", min=0)
    ] = 0.0,
) -> None:
    from npol_lab.session import Lab, LabOptions

    options = LabOptions(nodes=nodes, enforcement=enforcement, enforcement_delay=enforcement_delay)
    with Lab.start(options) as own:
        typer.echo(f"export KUBECONFIG={own.kubeconfig}   # context {own.context}")
        typer.echo("the lab is up; Ctrl-C ends it and everything in it")
        signal.sigwait({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
