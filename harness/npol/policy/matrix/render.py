"""A matrix as a truth table in text: sources down, targets with their ports across."""

from __future__ import annotations

from collections.abc import Iterator

from npol.policy.matrix.equivalence import Port
from npol.policy.matrix.matrix import Matrix, matrix
from npol.policy.objects.dialects import Dialect
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.families import pod_families

OPEN, CLOSED, UNSURE, SELF = "open", "-", "?", "="
_SIGNS = {True: OPEN, False: CLOSED, None: UNSURE}


def table(matrix: Matrix) -> list[list[str]]:
    """
    Rows of cells, the first row and column being titles.

    A column is a port that the target group declares. `=` is a group of one pod and itself.
    """
    columns = list(_columns(matrix))
    titles = ["from \\ to", *(f"{matrix.groups[target]}:{port}" for target, port in columns)]
    rows = [
        [source.name, *(_cell(matrix, number, target, port) for target, port in columns)]
        for number, source in enumerate(matrix.groups)
    ]
    return [titles, *rows]


def _columns(matrix: Matrix) -> Iterator[tuple[int, Port]]:
    for number, group in enumerate(matrix.groups):
        declared = {Port(p.number, p.protocol.name) for pod in group.pods for p in pod.ports}
        yield from ((number, port) for port in sorted(declared) if port in matrix.sure)


def _cell(matrix: Matrix, source: int, target: int, port: Port) -> str:
    if source == target and len(matrix.groups[source].pods) == 1:
        return SELF
    return _SIGNS[matrix.between(source, target, port)]


def markdown(matrix: Matrix) -> str:
    """The table as Markdown, padded so that it reads as it stands."""
    rows = table(matrix)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def by_family(world: ClusterState, dialect: Dialect) -> str:
    """The matrix as Markdown; where IP families differ, one for each under its name."""
    families = pod_families(world.pods)
    drawn = {f: markdown(matrix(world, dialect, family=f)) for f in families}
    if len(set(drawn.values())) == 1:
        return next(iter(drawn.values()))
    return "\n".join(f"Over IPv{family}:\n\n{text}" for family, text in drawn.items())


def _line(row: list[str], widths: list[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return f"| {' | '.join(cells)} |"
