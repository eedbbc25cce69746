r"""
Flows as a truth table: `| from \ to | backend:80 | kube-dns:53/udp | ? example.com |`.

A row is a source, a column what it is asked for, a cell an expectation; `-`, `.` and nothing at
all are not asked. Each cell becomes the mapping that it would be in `flows:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npol.errors import Mistake, Position
from npol.story.field_validators import shown
from npol.story.yaml_node import YamlCell, YamlNode

MOST_BARS = 20_000
_TARGET = re.compile(
    r"(?P<every>every pod of +)?(?P<peer>((each|the others|the same) of +)?\S+)"
    r":(?P<port>[0-9]{1,9})(/(?P<protocol>\w+))?( +(?P<path>/\S*))?"
)
_LOOKUP = re.compile(r"\? *(?P<name>[^\s/]+)(/(?P<protocol>\w+))?")
_RULE = re.compile(r":?-+:?")
_HOW = "write the table below `matrix: |`"
_NOT_ASKED = ("", "-", ".")
_HEADERS = "peer:port, peer:port/udp, every pod of peer:port, peer:port /path, ? name"


@dataclass(frozen=True, slots=True)
class _Field:
    """The text between two bars, and where it begins."""

    text: str
    at: Position


def cells(matrix: YamlNode, lines: Sequence[str]) -> Iterator[YamlCell]:
    """
    The flows of a matrix, each as a mapping that knows where its parts stand.

    `lines` are those of the whole file, for the columns: YAML takes the indentation away.
    """
    before = len(matrix.mistakes)
    if str(matrix.data).count("|") > MOST_BARS:
        matrix.wrong("the matrix is too large to read", "split it")
        return
    rows = [r for r in _rows(matrix, lines) if not _is_rule(r)]
    if len(rows) < 2 or len(rows[0]) < 2:
        if len(matrix.mistakes) == before:
            message = "a matrix has a header with targets, and a row for each source"
            matrix.wrong(message, _HOW if _is_folded(matrix, lines) else "")
        return
    header, *body = rows
    columns = [_column(field, matrix) for field in header[1:]]
    for index in _doubles(header[1:], "column", matrix):
        columns[index] = None
    doubles = _doubles([row[0] for row in body], "row", matrix)
    for source, *fields in (row for i, row in enumerate(body) if i not in doubles):
        if len(fields) != len(columns):
            counts = f"{len(fields) + 1} cells, the header has {len(header)}"
            matrix.mistakes.append(Mistake(source.at, f"this row has {counts}"))
            continue
        for field, target, head in zip(fields, columns, header[1:], strict=True):
            if target and field.text not in _NOT_ASKED:
                yield _cell(matrix, source, head, target, field)


def _cell(
    matrix: YamlNode, source: _Field, head: _Field, target: Mapping[str, Any], field: _Field
) -> YamlCell:
    data = {"from": source.text, **target, "expect": field.text}
    places = dict.fromkeys(target, head.at) | {"from": source.at, "": field.at}
    return YamlCell(matrix.document, matrix.path, data, matrix.mistakes, places)


def _column(field: _Field, matrix: YamlNode) -> dict[str, Any] | None:
    """What a header asks for, spelt as in `flows:`; None, with a mistake, if it says nothing."""
    if match := _LOOKUP.fullmatch(field.text):
        asked: dict[str, Any] = {"resolve": match["name"]}
    elif match := _TARGET.fullmatch(field.text):
        to = {"every pod of": match["peer"]} if match["every"] else {"peer": match["peer"]}
        asked = {"to": to, "port": int(match["port"])}
        if match["path"]:
            asked["http"] = {"path": match["path"]}
    else:
        message = f"not a valid target of a matrix: {shown(field.text)}"
        matrix.mistakes.append(Mistake(field.at, message, f"write {_HEADERS}"))
        return None
    return asked | ({"protocol": match["protocol"]} if match["protocol"] else {})


def _doubles(fields: Sequence[_Field], what: str, matrix: YamlNode) -> set[int]:
    """Where a header is repeated; each is a mistake."""
    first: dict[str, int] = {}
    found = {i for i, field in enumerate(fields) if first.setdefault(field.text, i) != i}
    for index in found:
        message = f"{what} {shown(fields[index].text)} stands twice"
        matrix.mistakes.append(Mistake(fields[index].at, message))
    return found


def _is_folded(matrix: YamlNode, lines: Sequence[str]) -> bool:
    """Whether the text is not written as `|`, which alone keeps its lines."""
    at = matrix.at()
    return not lines[at.line - 1][at.column - 1 :].startswith("|")


def _is_rule(row: Sequence[_Field]) -> bool:
    """`|---|---|`, which Markdown wants below a header."""
    return all(_RULE.fullmatch(f.text) and len(f.text) > 1 for f in row)


def _rows(matrix: YamlNode, lines: Sequence[str]) -> Iterator[list[_Field]]:
    """Each line of the table as fields; a line that is none is a mistake."""
    start = matrix.at()
    for offset, text in enumerate(str(matrix.data).split("\n"), start=1):
        if not (row := text.strip()):
            continue
        at = _position(start, offset, row, lines)
        if len(row) < 2 or not (row.startswith("|") and row.endswith("|")):
            message = "a line of a matrix begins and ends with '|'"
            matrix.mistakes.append(Mistake(at, message))
        else:
            yield _fields(row, at)


def _position(start: Position, offset: int, row: str, lines: Sequence[str]) -> Position:
    """Where the row stands in the file; the matrix's own place if it is not written as `|`."""
    line = lines[start.line - 1 + offset] if start.line - 1 + offset < len(lines) else ""
    if line.strip() != row:
        return start
    return Position(start.file, start.line + offset, line.index(row) + 1)


def _fields(row: str, at: Position) -> list[_Field]:
    fields, column = [], 1
    for text in row[1:-1].split("|"):
        indent = len(text) - len(text.lstrip())
        place = Position(at.file, at.line, at.column + column + indent)
        fields.append(_Field(text.strip(), place))
        column += len(text) + 1
    return fields
