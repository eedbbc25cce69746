"""A YAML document: its data, and where each value and key stands."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.errors import Mistake, Position

Path = tuple[str | int, ...]
"""Where a value sits in a document: keys and indexes from the top."""


class YamlDialect(enum.Enum):
    """How plain scalars become values."""

    STORY = "YAML 1.2"  # `no` is a string
    MANIFEST = "YAML 1.1, as kubectl reads it"  # sigs.k8s.io/yaml: `no` is false, `0777` is octal


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML document: its data, and where each value and key stands."""

    file: str
    data: Any
    values: Mapping[Path, Position]
    keys: Mapping[Path, Position]
    duplicates: tuple[Mistake, ...] = ()
    """Keys that stand twice in one mapping; the last one wins in `data`."""
    comments: Mapping[int, str] = field(default_factory=dict)
    """Comments to npol, `# npol: ...`, of the whole file: the text by line number."""

    def at(self, *path: str | int) -> Position:
        """The position of a value, or of its nearest known parent."""
        return self._nearest(self.values, path)

    def key_at(self, *path: str | int) -> Position:
        """The position of a mapping's key, or of its nearest known parent."""
        return self.keys.get(path) or self.at(*path)

    def _nearest(self, table: Mapping[Path, Position], path: Path) -> Position:
        while path and path not in table:
            path = path[:-1]
        return table.get(path) or Position(self.file)
