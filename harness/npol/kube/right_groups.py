"""Rights in few words: those that differ only in a verb, a resource or a namespace are one line."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from npol.kube.rbac import Right

Key = TypeVar("Key", bound=Hashable)


def right_groups(rights: Iterable[Right]) -> Iterator[str]:
    """`get, create pods, pods/exec in namespaces data, shop`, in the order in which they come."""
    verbs = _grouped((_place(r), r.verb) for r in rights)
    namespaces = _grouped(((what, tuple(said)), where) for (what, where), said in verbs.items())
    whats = _grouped(((said, tuple(where)), what) for (what, said), where in namespaces.items())
    for (said, where), what in whats.items():
        yield f"{', '.join(said)} {', '.join(what)} {_in_words(where)}"


def _place(right: Right) -> tuple[str, str]:
    """What it is about, and where."""
    what = right.resource + (f".{right.group}" if right.group else "")
    return f"{what} {right.name}" if right.name else what, right.namespace


def _grouped(pairs: Iterable[tuple[Key, str]]) -> dict[Key, list[str]]:
    groups: dict[Key, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _in_words(namespaces: Sequence[str]) -> str:
    named = [n for n in namespaces if n]
    places = [f"in namespace{'s' * (len(named) > 1)} {', '.join(named)}"] if named else []
    places += ["in the whole cluster"] if len(named) < len(namespaces) else []
    return " and ".join(places)
