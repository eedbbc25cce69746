"""What can be said to `npol lab`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer


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
    ip_families: Annotated[
        str, typer.Option(help="IP families of pods, nodes and Services: IPv4, or IPv4,IPv6.")
    ] = "IPv4"
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Run unknown images as written: no stand-ins for them."),
    ] = False
