"""`npol lab`: a cluster to try it in."""

from __future__ import annotations

import signal

import typer

from npol.cli.arguments.lab import LabArguments


def lab(arguments: LabArguments) -> None:
    from npol_lab.session import Lab, LabOptions

    options = LabOptions(
        nodes=arguments.nodes,
        enforcement=arguments.enforcement,
        enforcement_delay=arguments.enforcement_delay,
        strict=arguments.strict,
    )
    with Lab.start(options) as own:
        typer.echo(f"export KUBECONFIG={own.kubeconfig}   # context {own.context}")
        typer.echo("the lab is up; Ctrl-C ends it and everything in it")
        signal.sigwait({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
