"""What can be said to `npol lab`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Chart, Kustomization, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class LabArguments:
    """See `npol lab --help`."""

    nodes: Annotated[int, typer.Option(help="Worker nodes.", min=1, max=8)] = 2
    enforcement: Annotated[bool, typer.Option(help="Whether NetworkPolicies have any effect.")] = (
        True
    )
    enforcement_delay: Annotated[
        float, typer.Option(help="Seconds from a policy's change to its effect.", min=0)
    ] = 0.0
    fresh_pod_delay: Annotated[
        float, typer.Option(help="Seconds from a pod's start to the effect of policies.", min=0)
    ] = 0.0
    ip_families: Annotated[
        str, typer.Option(help="IP families of pods, nodes and Services: IPv4, or IPv4,IPv6.")
    ] = "IPv4"
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Run unknown images as written: no stand-ins for them."),
    ] = False
    chart: Chart = None
    values: Values = None
    kustomization: Kustomization = None
    namespace: Annotated[
        str,
        typer.Option("--namespace", "-n", help="For rendered objects that name no namespace."),
    ] = "default"
