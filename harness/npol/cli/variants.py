"""Directories that cannot be for one cluster, since they hold the same pods or Services."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from npol.model.peer_selection import ENDS
from npol.policy.parse.object_source import Source

TWICE = frozenset(
    {
        *ENDS,
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "ClusterNetworkPolicy",
    }
)
"""
Kinds of which two with one name cannot be meant for one place. A Namespace may well be written
down beside each application that lies in it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is judged together."""

    objects: tuple[Source, ...]
    own: frozenset[str] | None = None
    """The files that it is judged for; None: all."""

    def tells(self, file: str) -> bool:
        return self.own is None or file in self.own


def worlds(objects: Sequence[Source]) -> Iterator[World]:
    """
    Objects apart by the directories that are variants of each other, such as `dev` and `prod`:
    each with what lies in no variant, and that by itself. Own objects come last, as they replace
    those of the same name.
    """
    roots = _roots(objects)
    if not roots:
        yield World(objects=tuple(objects))
        return
    by_root: dict[str, list[Source]] = {}
    for source in objects:
        by_root.setdefault(_deepest(_directory(source), roots), []).append(source)
    for root, own in by_root.items():
        above = [o for place in _above(root, by_root) for o in by_root[place]]
        yield World(objects=(*above, *own), own=frozenset(map(_file, own)))


def _roots(objects: Iterable[Source]) -> frozenset[str]:
    """The directories below which something lies that lies in another one, too."""
    places: dict[tuple[str, str, str], set[str]] = {}
    for source in objects:
        if source.kind in TWICE and source.document:
            key = source.kind, source.namespace(""), source.name
            places.setdefault(key, set()).add(_directory(source))
    return frozenset(root for directories in places.values() for root in _apart(directories))


def _apart(directories: Collection[str]) -> Iterator[str]:
    """The nearest places that part these directories from each other."""
    if len(directories) < 2:
        return
    top = os.path.commonpath(directories)
    inside: dict[str, list[str]] = {}
    for directory in directories:
        if directory != top:
            inside.setdefault(_below(top, directory), []).append(directory)
    yield from inside
    for further in inside.values():
        yield from _apart(further)


def _below(top: str, directory: str) -> str:
    """The part of a directory's path that is one step below another."""
    return os.path.join(top, os.path.relpath(directory, top).split(os.sep)[0])


def _deepest(directory: str, roots: frozenset[str]) -> str:
    """The nearest of the roots that a directory lies in; "" for none."""
    while directory not in roots:
        above = os.path.dirname(directory)
        if above == directory:
            return ""
        directory = above
    return directory


def _above(root: str, known: Mapping[str, object]) -> list[str]:
    """The roots that one lies in, outermost first, with what lies in none."""
    inside = [r for r in known if r and r != root and root.startswith(f"{r}{os.sep}")]
    return [r for r in ("", *sorted(inside, key=len)) if r in known and r != root]


def _directory(source: Source) -> str:
    return os.path.dirname(os.path.abspath(_file(source)))


def _file(source: Source) -> str:
    return source.document.file if source.document else ""
