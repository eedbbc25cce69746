"""
A story's changes, made one after the other on something: a cluster, a simulated state, or a
dry run. One order for all of them, so that what is predicted cannot drift from what is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from npol.model.change import Apply, Change, Delete, Label, Restart, Restore, Scale

Done = TypeVar("Done", covariant=True)


class Changeable(Protocol[Done]):
    """What changes are made on; each method says what was done, object by object."""

    def apply(self, change: Apply) -> Iterable[Done]: ...

    def delete(self, change: Delete) -> Iterable[Done]: ...

    def label(self, change: Label) -> Iterable[Done]: ...

    def restore(self, change: Restore) -> Iterable[Done]: ...

    def restart(self, change: Restart) -> Iterable[Done]: ...

    def scale(self, change: Scale) -> Iterable[Done]: ...


def replay(changes: Iterable[Change], on: Changeable[Done]) -> Iterator[Done]:
    """Make changes, one after the other."""
    for change in changes:
        match change:
            case Apply():
                yield from on.apply(change)
            case Delete():
                yield from on.delete(change)
            case Label():
                yield from on.label(change)
            case Restore():
                yield from on.restore(change)
            case Restart():
                yield from on.restart(change)
            case Scale():
                yield from on.scale(change)
