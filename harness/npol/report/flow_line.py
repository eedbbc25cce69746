"""A flow on one line: source, arrow, target."""

from __future__ import annotations

from npol.model.result import FlowResult
from npol.model.story import FlowKind
from npol.report.escape import safe


def flow_line(result: FlowResult) -> str:
    return f"{safe(result.source)} {arrow(result)} {target(result)}"


def is_lookup(result: FlowResult) -> bool:
    """Whether the flow asked for a name, not for a port."""
    return result.kind is FlowKind.DNS


def arrow(result: FlowResult) -> str:
    return "?" if is_lookup(result) else "->"


def target(result: FlowResult) -> str:
    """`backend:80`, `kube-dns:53/udp`: TCP goes without saying."""
    return safe(result.target.removesuffix("/tcp"))
