"""Data out of the events of a YAML parser, so that depth, size and aliases can be bounded."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from npol.errors import Mistake, Mistakes, Position
from npol.yaml_positions.document import Document, Path, YamlDialect
from npol.yaml_positions.scalars import (
    CORE,
    CORE_TAGS,
    NOT_JSON,
    RESOLVED_TAGS,
    SCALARS,
    go_number,
    manifest_scalar,
)
from npol.yaml_positions.text import MAX_BYTES, decoded_text, stopped

MAX_NODES = 200_000
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_DOCUMENTS = 5_000


def load(
    text: str | bytes, file: str, dialect: YamlDialect, *, limit: int = MAX_BYTES
) -> list[Document]:
    """
    All documents of a text of at most `limit` bytes; empty ones (`---` alone) are left out.

    Raises:
        Mistakes: not YAML, not UTF-8, too large, too deep, or custom tags.
    """
    decoded = decoded_text(text, file, limit)
    if dialect is YamlDialect.MANIFEST and (odd := _SEPARATOR.search(decoded)):
        what = "kubectl takes nothing but a comment on the line of a separator `---`"
        raise stopped(decoded[: odd.start()], file, what)
    try:
        return list(_YamlReader(file, dialect).documents(decoded, _comments(decoded)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file)
        is_tab = mark and decoded[mark.index : mark.index + 1] == "\t"
        problem = "a tab, where only blanks indent" if is_tab else error.problem or error.context
        raise Mistakes([Mistake(at, f"not YAML: {problem}")]) from error
    except yaml.YAMLError as error:
        raise Mistakes([Mistake(Position(file), f"not YAML: {error!s:.100}")]) from error


def _comments(text: str) -> dict[int, str]:
    """The comments to npol by line number; lines are counted on from one to the next."""
    comments: dict[int, str] = {}
    line, counted = 1, 0
    for found in _COMMENT.finditer(text):
        line += text.count("\n", counted, found.start())
        counted = found.start()
        comments[line] = found[1].strip()
    return comments


@dataclass(slots=True)
class _Marks:
    """What is gathered about one document while it is read."""

    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    duplicates: list[Mistake] = field(default_factory=list)
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    aliases: int = 0
    deepest: int = 0
    """The deepest level so far; within what an anchor names, of that alone."""


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an anchor names; how many values and levels an alias of it brings."""

    value: Any
    size: int
    levels: int


class _YamlReader:
    """Builds data from parser events, so that depth, size and aliases can be bounded."""

    def __init__(self, file: str, dialect: YamlDialect) -> None:
        self.file = file
        self.dialect = dialect
        self.nodes = 0
        self.documents_read = 0

    def documents(self, text: str, comments: Mapping[int, str]) -> Iterator[Document]:
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._events = iter(events)
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if self.dialect is YamlDialect.MANIFEST and (event.version or event.tags):
                raise self._stop(event, "kubectl reads no directives (`%YAML`, `%TAG`)")
            self._marks = marks = _Marks()
            self.documents_read += 1
            if self.documents_read > MAX_DOCUMENTS:
                raise self._stop(event, f"more than {MAX_DOCUMENTS} documents")
            data = self._value(next(self._events), ())
            if data is not None:
                yield Document(
                    file=self.file,
                    data=data,
                    values=marks.values,
                    keys=marks.keys,
                    duplicates=tuple(marks.duplicates),
                    comments=comments,
                )

    def _position(self, event: Any) -> Position:
        return Position(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _stop(self, event: Any, message: str) -> Mistakes:
        return Mistakes([Mistake(self._position(event), message)])

    def _value(self, event: Any, path: Path) -> Any:
        self._count(event, 1)
        self._reach(event, len(path))
        self._marks.values[path] = self._position(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, len(path))
        return self._anchored(event, path) if event.anchor else self._node(event, path)

    def _count(self, event: Any, values: int) -> None:
        self.nodes += values
        if self.nodes > MAX_NODES:
            raise self._stop(event, f"more than {MAX_NODES} values")

    def _reach(self, event: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._stop(event, f"nested deeper than {MAX_DEPTH} levels")
        self._marks.deepest = max(self._marks.deepest, depth)

    def _anchored(self, event: Any, path: Path) -> Any:
        marks = self._marks
        before, around = self.nodes - 1, marks.deepest
        marks.deepest = len(path)
        value = self._node(event, path)
        levels = marks.deepest - len(path)
        marks.anchors[event.anchor] = _Anchored(value, self.nodes - before, levels)
        marks.deepest = max(marks.deepest, around)
        return value

    def _alias(self, event: Any, depth: int) -> Any:
        self._marks.aliases += 1
        if self._marks.aliases > MAX_ALIASES:
            raise self._stop(event, f"more than {MAX_ALIASES} aliases")
        if event.anchor not in self._marks.anchors:
            raise self._stop(event, f"alias *{event.anchor} has no anchor before it")
        anchored = self._marks.anchors[event.anchor]
        self._reach(event, depth + anchored.levels)
        self._count(event, anchored.size)
        return anchored.value

    def _node(self, event: Any, path: Path) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        self._refuse_custom_tag(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[Any, Any]:
        items: dict[Any, Any] = {}
        merged: list[Any] = []
        own: set[Any] = set()
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._stop(event, "a key must be a plain word")
            key = self._key(event)
            if not event.style and event.value == "<<":
                merged.append(self._merged(next(self._events), (*path, "<<")))
                if self.dialect is YamlDialect.MANIFEST:
                    items.update(merged.pop())
                continue
            if key in own:
                self._note_duplicate(event, (*path, key))
            own.add(key)
            self._marks.keys[(*path, key)] = self._position(event)
            items[key] = self._value(next(self._events), (*path, key))
        for extra in merged:
            items = {**extra, **items}
        return items

    def _key(self, event: Any) -> Any:
        """Objects of the API are JSON: their keys are texts, whatever YAML makes of them."""
        key = self._scalar(event)
        if self.dialect is YamlDialect.STORY or isinstance(key, str):
            return key
        if key is None:
            raise self._stop(event, "a key must be a word, and this one is null")
        return go_number(key) if isinstance(key, float) else str(key).lower()

    def _merged(self, event: Any, path: Path) -> dict[Any, Any]:
        """What `<<` brings: a mapping, or several of which the first that has a key gives it."""
        value = self._value(event, path)
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise self._stop(event, "`<<` takes a mapping, or a list of mappings")
        return {k: v for source in reversed(sources) for k, v in source.items()}

    def _note_duplicate(self, event: Any, path: Path) -> None:
        """A key stands a second time; its marks will replace those of the first."""
        first = self._marks.keys[path]
        message = f"key {path[-1]!a} stands twice here, first at {first}"
        self._marks.duplicates.append(Mistake(self._position(event), message))

    def _scalar(self, event: Any) -> Any:
        self._refuse_custom_tag(event)
        if self.dialect is YamlDialect.MANIFEST and event.tag:
            return self._tagged(event)
        if event.style or event.tag in ("!", f"{CORE}str"):  # the C parser's plain style is ""
            return event.value
        value = SCALARS[self.dialect](event.value)
        if self.dialect is YamlDialect.MANIFEST and value in NOT_JSON:
            raise self._stop(event, f"{value} is a number that JSON does not have: quote it")
        return value

    def _tagged(self, event: Any) -> Any:
        """kubectl knows the tags of YAML 1.1; of what others mark it keeps the text."""
        if event.tag == f"{CORE}binary":
            return self._binary(event)
        return manifest_scalar(event.value) if event.tag in RESOLVED_TAGS else event.value

    def _binary(self, event: Any) -> str:
        try:
            return base64.b64decode(event.value, validate=True).decode(errors="replace")
        except ValueError as error:
            raise self._stop(event, "!!binary without base64 behind it") from error

    def _refuse_custom_tag(self, event: Any) -> None:
        if self.dialect is YamlDialect.MANIFEST:
            return
        if event.tag and event.tag != "!" and event.tag not in CORE_TAGS:
            raise self._stop(event, f"tag {event.tag!a} is not allowed")


_COMMENT = re.compile(r"(?:^|[ \t])#[ \t]*npol:([^\n]*)", re.M)
_SEPARATOR = re.compile(r"^---[ \t\r]*[^#\s]", re.M)
"""A line that kubectl takes for the start of a document, and refuses."""
