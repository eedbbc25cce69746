"""What a step changed, line by line; many changes of one kind are one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

MOST_CHANGES = 6
"""Changes of one kind in a row that have a line each."""
_NAMED = 3


def told_changes(changes: Sequence[str], *, every: bool) -> Iterator[str]:
    """
    `created NetworkPolicy a/b`; of many `created NetworkPolicy 51 times: a/b, a/c, a/d and 48
    more (-v names them)`.

    `every`: none is left out.
    """
    for (how, kind), row in groupby(changes, _how_and_kind):
        told = list(row)
        if every or not kind or len(told) <= MOST_CHANGES:
            yield from told
            continue
        names = ", ".join(line.split(" ", 2)[2] for line in told[:_NAMED])
        rest = len(told) - _NAMED
        yield f"{how} {kind} {len(told)} times: {names} and {rest} more (-v names them)"


def _how_and_kind(change: str) -> tuple[str, str]:
    """`created NetworkPolicy`; a change that is spelt otherwise is one of its own."""
    words = change.split(" ")
    return (words[0], words[1]) if len(words) == 3 else (change, "")
