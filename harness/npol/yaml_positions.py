"""
YAML with positions: the one door to YAML in this package.

A `Document` is plain data (dict, list, str, int, float, bool, None) and the place of each
value in its file. Two dialects: `STORY` reads scalars as YAML 1.2 does (`no` is a string),
`MANIFEST` as kubectl does (sigs.k8s.io/yaml, YAML 1.1: `no` and `y` are booleans, `0777` is
octal), so that we see what the API server will see.
"""

from __future__ import annotations

import base64
import enum
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from npol.errors import Mistake, Mistakes, Position

MAX_BYTES = 5_000_000
MAX_NODES = 200_000
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_DOCUMENTS = 5_000

Path = tuple[str | int, ...]
"""Where a value sits in a document: keys and indexes from the top."""


class YamlDialect(enum.Enum):
    """How plain scalars become values."""

    STORY = "YAML 1.2"
    MANIFEST = "YAML 1.1, as kubectl reads it"


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


def load(
    text: str | bytes, file: str, dialect: YamlDialect, *, limit: int = MAX_BYTES
) -> list[Document]:
    """
    All documents of a text of at most `limit` bytes; empty ones (`---` alone) are left out.

    Raises:
        Mistakes: not YAML, not UTF-8, too large, too deep, or custom tags.
    """
    decoded = _decode(text, file, limit)
    if dialect is YamlDialect.MANIFEST and (odd := _SEPARATOR.search(decoded)):
        what = "kubectl takes nothing but a comment on the line of a separator `---`"
        raise _stopped(decoded[: odd.start()], file, what)
    try:
        comments = {
            decoded.count("\n", 0, found.start()) + 1: found[1].strip()
            for found in _COMMENT.finditer(decoded)
        }
        return list(_YamlReader(file, dialect).documents(decoded, comments))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file)
        is_tab = mark and decoded[mark.index : mark.index + 1] == "\t"
        problem = "a tab, where only blanks indent" if is_tab else error.problem or error.context
        raise Mistakes([Mistake(at, f"not YAML: {problem}")]) from error
    except yaml.YAMLError as error:
        raise Mistakes([Mistake(Position(file), f"not YAML: {error!s:.100}")]) from error


def dump(data: Any) -> str:
    """Plain data as YAML text, keys in the order given."""
    return str(yaml.dump(data, Dumper=_YamlWriter, sort_keys=False, width=100, allow_unicode=True))


def _decode(text: str | bytes, file: str, limit: int) -> str:
    if len(text) > limit:
        raise Mistakes([Mistake(Position(file), f"larger than {limit // 1_000_000} MB")])
    decoded = text if isinstance(text, str) else _utf8(text, file)
    if odd := _NOT_PRINTABLE.search(decoded):
        raise _stopped(decoded[: odd.start()], file, f"control character {odd[0]!a}")
    return decoded


def _utf8(text: bytes, file: str) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode(errors="replace")
        raise _stopped(before, file, f"not UTF-8 text: {error.reason}") from error


def _stopped(before: str, file: str, message: str) -> Mistakes:
    """A mistake right behind the text `before`."""
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Mistakes([Mistake(Position(file, line, column), message)])


@dataclass(slots=True)
class _Marks:
    """What is gathered about one document while it is read."""

    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    duplicates: list[Mistake] = field(default_factory=list)
    anchors: dict[str, Any] = field(default_factory=dict)
    aliases: int = 0


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
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._stop(event, f"more than {MAX_NODES} values")
        if len(path) > MAX_DEPTH:
            raise self._stop(event, f"nested deeper than {MAX_DEPTH} levels")
        self._marks.values[path] = self._position(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        value = self._node(event, path)
        if event.anchor:
            self._marks.anchors[event.anchor] = value
        return value

    def _alias(self, event: Any) -> Any:
        self._marks.aliases += 1
        if self._marks.aliases > MAX_ALIASES:
            raise self._stop(event, f"more than {MAX_ALIASES} aliases")
        if event.anchor not in self._marks.anchors:
            raise self._stop(event, f"alias *{event.anchor} has no anchor before it")
        value = self._marks.anchors[event.anchor]
        self.nodes += _size(value)
        return value

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
        return _go_number(key) if isinstance(key, float) else str(key).lower()

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
        if event.style or event.tag in ("!", f"{_CORE}str"):  # the C parser's plain style is ""
            return event.value
        value = _SCALARS[self.dialect](event.value)
        if self.dialect is YamlDialect.MANIFEST and value in _NOT_JSON:
            raise self._stop(event, f"{value} is a number that JSON does not have: quote it")
        return value

    def _tagged(self, event: Any) -> Any:
        """kubectl knows the tags of YAML 1.1; of what others mark it keeps the text."""
        if event.tag == f"{_CORE}binary":
            return self._binary(event)
        return _manifest_scalar(event.value) if event.tag in _RESOLVED_TAGS else event.value

    def _binary(self, event: Any) -> str:
        try:
            return base64.b64decode(event.value, validate=True).decode(errors="replace")
        except ValueError as error:
            raise self._stop(event, "!!binary without base64 behind it") from error

    def _refuse_custom_tag(self, event: Any) -> None:
        if self.dialect is YamlDialect.MANIFEST:
            return
        if event.tag and event.tag != "!" and event.tag not in _CORE_TAGS:
            raise self._stop(event, f"tag {event.tag!a} is not allowed")


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(_size(v) for v in value.values())
    if isinstance(value, list):
        return 1 + sum(_size(v) for v in value)
    return 1


_COMMENT = re.compile(r"(?:^|[ \t])#[ \t]*npol:([^\n]*)", re.M)
_SEPARATOR = re.compile(r"^---[ \t\r]*[^#\s]", re.M)
"""A line that kubectl takes for the start of a document, and refuses."""
_NOT_PRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML 1.2 leaves out of its character set (section 5.1), and byte order marks inside."""
_CORE = "tag:yaml.org,2002:"
_CORE_TAGS = {_CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq")}
_RESOLVED_TAGS = {_CORE + name for name in ("int", "float", "bool", "null")}
_NOT_JSON = {f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")} | {
    ".nan",
    ".NaN",
    ".NAN",
}
_NULL = {"", "~", "null", "Null", "NULL"}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INT_11 = re.compile(
    r"[-+]?(0b_*[01][01_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0o_*[0-7][0-7_]*|0[0-7_]*|[1-9][0-9_]*)"
)


def _spellings(*words: str) -> set[str]:
    return {s for w in words for s in (w, w.capitalize(), w.upper())}


_TRUE_11 = _spellings("y", "yes", "on", "true")
_FALSE_11 = _spellings("n", "no", "off", "false")


def _number(text: str, base: int = 10) -> Any:
    """An integer; text that is too long to be one on any computer stays text."""
    return int(text, base) if len(text) <= 400 else text


def _go_number(number: float) -> str:
    """As Go's `strconv.FormatFloat(number, 'g', -1, 64)` writes it."""
    digits, _, exponent = f"{number!r:s}".partition("e")
    if not exponent and 1e-4 <= abs(number) < 1e21:
        return digits.removesuffix(".0")
    shown = f"{number:.17g}" if not exponent else f"{digits.removesuffix('.0')}e{exponent}"
    return shown


def _fraction(text: str) -> Any:
    """A finite number, as JSON has them; anything else stays text."""
    number = float(text)
    return number if math.isfinite(number) else text


def _core_scalar(text: str) -> Any:
    """YAML 1.2 core schema (yaml.org/spec/1.2.2, section 10.3.2)."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return _number(text)
    if re.fullmatch(r"0o[0-7]+|0x[0-9a-fA-F]+", text):
        return _number(text, 0)
    return _fraction(text) if _FLOAT.fullmatch(text) else text


def _manifest_scalar(text: str) -> Any:
    """go-yaml v2's `resolve`, which sigs.k8s.io/yaml uses; dates stay strings."""
    if text in _NULL:
        return None
    if text in _TRUE_11 or text in _FALSE_11:
        return text in _TRUE_11
    if _INT_11.fullmatch(text):
        digits = text.replace("_", "")
        octal = re.fullmatch(r"([-+]?)0([0-7]+)", digits)
        return _number(f"{octal[1]}0o{octal[2]}" if octal else digits, 0)
    return _fraction(text) if _FLOAT.fullmatch(text) else text


_SCALARS = {YamlDialect.STORY: _core_scalar, YamlDialect.MANIFEST: _manifest_scalar}


class _YamlWriter(yaml.SafeDumper):
    """Quotes each text that a reader of some dialect would take for something else (`1e3`, `y`)."""

    def ignore_aliases(self, data: Any) -> bool:
        """What stands in two places is written twice: a reader has no anchors to look up."""
        return True


def _represent_text(writer: _YamlWriter, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        return writer.represent_scalar(f"{_CORE}str", text, style="|")
    ambiguous = any(not isinstance(scalar(text), str) for scalar in _SCALARS.values())
    return writer.represent_scalar(f"{_CORE}str", text, style="'" if ambiguous else None)


_YamlWriter.add_representer(str, _represent_text)
