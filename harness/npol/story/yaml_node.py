"""
A value of a story file, where it stands, and what is wrong with it.

Reading goes on after a mistake, so that all of a file's mistakes are reported at once: what
cannot be read is None, and the mistake is in the list that all nodes of one load share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from npol.errors import Mistake, Position
from npol.yaml_positions import Document, Path

if TYPE_CHECKING:
    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")
MOST = 200
"""How many mistakes of one mapping are told; nobody reads more."""


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value in a document, at `path`."""

    document: Document
    path: Path
    data: Any
    mistakes: list[Mistake]

    def at(self, *path: str | int) -> Position:
        """The position of a value below this one."""
        return self.document.at(*self.path, *path)

    def key_at(self, *path: str | int) -> Position:
        """The position of a key below this one."""
        return self.document.key_at(*self.path, *path)

    def wrong(self, message: str, hint: str = "", *, on: Path = (), key: Path = ()) -> None:
        """Note a mistake in the value at `on`, or at the key at `key`."""
        place = self.key_at(*key) if key else self.at(*on)
        self.mistakes.append(Mistake(place, message, hint))

    def child(self, key: str | int) -> YamlNode:
        return YamlNode(self.document, (*self.path, key), self.data[key], self.mistakes)

    def items(self, key: str) -> Iterator[YamlNode]:
        """The items of the list at `key`; none if there is no list, or nobody reads on."""
        inner = self.data.get(key) if isinstance(self.data, dict) else None
        if isinstance(inner, list):
            node = self.child(key)
            yield from (node.child(i) for i in range(len(inner)) if len(self.mistakes) < MOST)

    def one_or_more(self, key: str) -> list[YamlNode]:
        """The items of the list at `key`, or the one value that stands there without brackets."""
        if key not in self.data:
            return []
        node = self.child(key)
        return (
            [node.child(i) for i in range(len(node.data))]
            if isinstance(node.data, list)
            else [node]
        )

    def read(self, model: type[M], *, hollow: Collection[str] = ()) -> M | None:
        """
        This value as `model`, or None with its mistakes noted.

        `hollow` names keys whose lists and mappings are taken for empty: they are read
        piece by piece, so that a mistake in one piece does not hide those of the others.
        """
        from pydantic import ValidationError  # manifests are looked at without it

        from npol.story.validation_messages import slips

        try:
            return model.model_validate(_hollowed(self.data, hollow))
        except ValidationError as error:
            for slip in slips(error, model):
                place = self.key_at if slip.on_key else self.at
                self.mistakes.append(Mistake(place(*slip.path), slip.message, slip.hint))
            return None


@dataclass(frozen=True, slots=True)
class YamlCell(YamlNode):
    """A mapping whose parts are spread over a text block, as a matrix's flows are."""

    places: Mapping[str, Position]

    def at(self, *path: str | int) -> Position:
        whole = self.places[""]
        return self.places.get(str(path[0]), whole) if path else whole

    key_at = at


def _hollowed(data: Any, keys: Collection[str]) -> Any:
    if not isinstance(data, dict):
        return data
    emptied = {k: type(v)() for k in keys if isinstance(v := data.get(k), list | dict)}
    return {**data, **emptied}


@dataclass(frozen=True, slots=True)
class Merged(YamlNode):
    """A mapping in which keys of a second one, from another file, win."""

    over: YamlNode

    def at(self, *path: str | int) -> Position:
        here = path and path[0] in self.over.data
        return self.over.at(*path) if here else self.document.at(*self.path, *path)

    def key_at(self, *path: str | int) -> Position:
        here = path and path[0] in self.over.data
        return self.over.key_at(*path) if here else self.document.key_at(*self.path, *path)


def merged(under: YamlNode, over: YamlNode) -> YamlNode:
    """`under` with the keys of `over`; just `under` where one of them is no mapping."""
    if not isinstance(under.data, dict) or not isinstance(over.data, dict):
        return under
    data = {**under.data, **over.data}
    return Merged(under.document, under.path, data, under.mistakes, over)


def by_position(mistakes: Collection[Mistake]) -> list[Mistake]:
    """All of them, each once."""
    return sorted(dict.fromkeys(mistakes), key=lambda m: m.at)


def in_order(mistakes: Collection[Mistake]) -> list[Mistake]:
    """By position, each once, and not more than anybody reads."""
    found = by_position(mistakes)
    if len(found) <= MOST:
        return found
    last = found[MOST]
    return [*found[:MOST], Mistake(last.at, f"and more; the first {MOST} are told")]
