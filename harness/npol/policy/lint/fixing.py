"""Certain fixes, written into the text of a file: what they do not concern stays to the byte."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from npol.errors import Mistakes, Position
from npol.policy.lint.findings import CertainFix, LintFinding
from npol.yaml_positions import Document, Path, YamlDialect, dump, load


def mended(text: str, findings: Iterable[LintFinding]) -> tuple[str, list[LintFinding]]:
    """
    The text with the certain fixes of findings about it, and the findings that they mend.

    A fix is left out unless the new text, read again, differs by that fix alone.
    """
    done: list[LintFinding] = []
    fixes = {(f.certain.at.line, f.certain.at.column): f for f in findings if f.certain}
    for place in sorted(fixes, reverse=True):  # so that what stands before stays where it was
        fix = fixes[place].certain
        new = _edited(text, fix) if fix else None
        if fix and new is not None and _differs_by(fix, text, new):
            text = new
            done.append(fixes[place])
    return text, done[::-1]


def _edited(text: str, fix: CertainFix) -> str | None:
    """None where the place does not look as it should."""
    documents = _documents(text, fix.at.file)
    start = _offset(text, fix.at)
    document = next((d for d in documents if d.values.get(fix.path) == fix.at), None)
    if start is None:
        return None
    if document is None:
        return _inserted(text, start, fix)
    for old in _spellings(_value(document.data, fix.path)):
        if text.startswith(old, start):
            return text[:start] + _spelled_as(old, fix.value) + text[start + len(old) :]
    return None


def _inserted(text: str, start: int, fix: CertainFix) -> str:
    """Before the first key of its mapping: on a line of its own, or within braces."""
    entry = f"{fix.path[-1]}: {_flow(fix.value)}"
    indent = text[text.rfind("\n", 0, start) + 1 : start]
    end = "\r\n" if "\r\n" in text else "\n"
    rest = f"{end}{indent}" if not indent.strip() else ", "
    return text[:start] + entry + rest + text[start:]


def _differs_by(fix: CertainFix, old: str, new: str) -> bool:
    wanted = [_unshared(d.data) for d in _documents(old, fix.at.file)]
    found = [d.data for d in _documents(new, fix.at.file)]
    for data, now in zip(wanted, found, strict=False):
        if data != now:
            _set(data, fix.path, _unshared(fix.value))
            break
    return wanted == found


def _unshared(data: Any) -> Any:
    """A copy in which what aliases mean stands apart: a fix is not theirs."""
    return json.loads(json.dumps(data))


def _documents(text: str, file: str) -> list[Document]:
    try:
        return load(text, file, YamlDialect.MANIFEST)
    except Mistakes:
        return []


def _offset(text: str, at: Position) -> int | None:
    lines = text.splitlines(keepends=True)
    if not 0 < at.line <= len(lines):
        return None
    return sum(map(len, lines[: at.line - 1])) + at.column - 1


def _spellings(value: Any) -> list[str]:
    """How a scalar may stand in a file."""
    return [f"'{value}'", json.dumps(value), str(value)] if isinstance(value, str) else [str(value)]


def _spelled_as(old: str, value: Any) -> str:
    """A new text in the quotes of the old one."""
    quote = old[0] if isinstance(value, str) and old[0] in "'\"" else ""
    return f"{quote}{value}{quote}"


def _flow(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else dump(value).strip()


def _value(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _set(data: Any, path: Path, value: Any) -> None:
    """Nothing where the document has no such place: then it is found to differ."""
    try:
        _value(data, path[:-1])[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        return
