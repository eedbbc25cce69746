"""
Calico's selector language, read for the lab alone: `has(app) && tier in {'web', 'api'}`.

Source: field description of `selector` in projectcalico/calico api/pkg/apis/projectcalico/v3, and
the operators that its documentation lists besides (`contains`, `starts with`, `ends with`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

LONGEST_LABEL = 512
_LABEL = re.compile(r"[A-Za-z0-9_./-]+")
_CALL = re.compile(r"(has|all|global)\([ \t]*([A-Za-z0-9_./-]*)[ \t]*\)")
_STRING = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_COMPARED = re.compile(
    r"(==|!=|(?:not[ \t]*in|in|contains|starts[ \t]*with|ends[ \t]*with)(?![A-Za-z0-9_./-]))"
)
_SPACE = re.compile(r"[ \t]*")

_COMPARE: Mapping[str, Callable[[str, tuple[str, ...]], bool]] = {
    "==": lambda value, given: value == given[0],
    "in": lambda value, given: value in given,
    "contains": lambda value, given: given[0] in value,
    "starts with": lambda value, given: value.startswith(given[0]),
    "ends with": lambda value, given: value.endswith(given[0]),
}
_NEGATED = {"!=": "==", "not in": "in"}


@dataclass(frozen=True, slots=True)
class Everything:
    """`all()`, or `global()`: what it means besides hangs on where it stands."""

    word: str = "all"

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Has:
    label: str

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return self.label in labels


@dataclass(frozen=True, slots=True)
class Compared:
    label: str
    operator: str
    values: tuple[str, ...]

    def __call__(self, labels: Mapping[str, str]) -> bool:
        """Only the two operators that deny something hold for what has no such label."""
        value, positive = labels.get(self.label), _NEGATED.get(self.operator)
        if value is None:
            return positive is not None
        fits = _COMPARE[positive or self.operator](value, self.values)
        return fits != bool(positive)


@dataclass(frozen=True, slots=True)
class Not:
    inner: Selector

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return not self.inner(labels)


@dataclass(frozen=True, slots=True)
class Both:
    parts: tuple[Selector, ...]

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return all(part(labels) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Selector, ...]

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return any(part(labels) for part in self.parts)


Selector = Everything | Has | Compared | Not | Both | Either


def parse(text: str) -> Selector:
    """
    The empty text selects everything.

    Raises:
        ValueError: it is no selector; with what is wrong and where.
    """
    reader = _Reader(text)
    if reader.ended:
        return Everything()
    try:
        found = reader.alternatives()
    except RecursionError:
        raise reader.wrong("nested too deeply") from None
    if not reader.ended:
        raise reader.wrong("unexpected content")
    return found


def rewritten(selector: Selector, prefix: str, words: Mapping[str, Selector]) -> Selector:
    """The same about labels whose names begin with this prefix; `words`: what `all()` is then."""
    if isinstance(selector, Everything):
        return words.get(selector.word, selector)
    if isinstance(selector, Has | Compared):
        return replace(selector, label=prefix + selector.label)
    if isinstance(selector, Not):
        return Not(rewritten(selector.inner, prefix, words))
    parts = tuple(rewritten(part, prefix, words) for part in selector.parts)
    return replace(selector, parts=parts)


class _Reader:
    """Walks through a text once; `||` binds least, `!` most."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def ended(self) -> bool:
        self._take(_SPACE)
        return self._at == len(self._text)

    def wrong(self, what: str) -> ValueError:
        return ValueError(f"{what} at {self._text[self._at :]!r}")

    def alternatives(self) -> Selector:
        parts = [self._conjunction()]
        while self._skip("||"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _conjunction(self) -> Selector:
        parts = [self._operation()]
        while self._skip("&&"):
            parts.append(self._operation())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _operation(self) -> Selector:
        if self._skip("!"):
            return Not(self._operation())
        if self._skip("("):
            inner = self.alternatives()
            self._expect(")")
            return inner
        called = self._take(_CALL)
        return self._called(*called.groups()) if called else self._comparison()

    def _called(self, word: str, label: str) -> Selector:
        if word == "has":
            return Has(self._fitting(label))
        if label:
            raise self.wrong(f"{word}() takes nothing")
        return Everything(word)

    def _comparison(self) -> Selector:
        found = self._take(_LABEL)
        if found is None:
            raise self.wrong("a label, has(), all() or ( expected")
        self._take(_SPACE)
        sign = self._take(_COMPARED)
        if sign is None:
            raise self.wrong(f"an operator expected after label {found[0]!r}")
        operator = _spelled(sign[1])
        values = self._set() if operator in ("in", "not in") else (self._string(),)
        return Compared(self._fitting(found[0]), operator, values)

    def _fitting(self, label: str) -> str:
        if not 0 < len(label) <= LONGEST_LABEL:
            raise self.wrong(f"a label of 1 to {LONGEST_LABEL} characters expected")
        return label

    def _set(self) -> tuple[str, ...]:
        self._expect("{")
        values = []
        while not self._skip("}"):
            values.append(self._string())
            if not self._skip(","):
                self._expect("}")
                break
        return tuple(values)

    def _string(self) -> str:
        self._take(_SPACE)
        found = self._take(_STRING)
        if found is None:
            raise self.wrong("a string in quotes expected")
        return found[0][1:-1]

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise self.wrong(f"{token} expected")

    def _skip(self, token: str) -> bool:
        self._take(_SPACE)
        found = self._text.startswith(token, self._at)
        self._at += len(token) if found else 0
        return found

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found


def _spelled(operator: str) -> str:
    """`notin` and `not  in` are one operator."""
    words = operator.replace(" ", "").replace("\t", "")
    return {"notin": "not in", "startswith": "starts with", "endswith": "ends with"}.get(
        words, operator
    )
