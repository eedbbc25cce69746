"""
Calico's selector language: `has(app) && tier in {"web", "api"}`.

Grammar (source: projectcalico/calico libcalico-go/lib/selector, tokenizer and parser):

    any        = all { "||" all }
    all        = operation { "&&" operation }
    operation  = "!" operation | "(" any ")" | "has(" LABEL ")" | "all()" | "global()" | compared
    compared   = LABEL ("==" | "!=" | "contains" | "starts with" | "ends with") STRING
               | LABEL ("in" | "not in") "{" [ STRING { "," STRING } [ "," ] ] "}"
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from npol.policy.objects.calico_selectors import (
    AllOf,
    AnyOf,
    Anywhere,
    CalicoSelector,
    Comparison,
    Everyone,
    HasLabel,
    LabelValue,
    Negated,
)

MOST_DEPTH = 100
"""How deep parentheses and `!` may be nested here; no selector of people's is."""
LONGEST_KEY = 512
_BLANK = re.compile(r"[ \t]*")
_KEY = re.compile(r"[A-Za-z0-9_./-]+")
_STRING = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_WORD = re.compile(
    r"(?P<word>contains|starts[ \t]*with|ends[ \t]*with|not[ \t]*in|in)[ \t]*(?![A-Za-z0-9_./-])"
)
_CALLS: Mapping[str, CalicoSelector] = {"all": Everyone(), "global": Anywhere()}
_COMPARISONS = {
    "contains": Comparison.CONTAINS,
    "startswith": Comparison.STARTS_WITH,
    "endswith": Comparison.ENDS_WITH,
}


class SelectorError(ValueError):
    """A text that is no selector: what was expected, and `offset`, where in the text."""

    def __init__(self, expected: str, text: str, offset: int) -> None:
        near = text[offset : offset + 20]
        super().__init__(f"expected {expected} at {near!r}" if near else f"{expected} is missing")
        self.offset = offset


def parse_calico_selector(text: str) -> CalicoSelector:
    """
    The selector of a text; the empty text selects everyone.

    Raises:
        SelectorError: it is none.
    """
    parser = _Parser(text)
    if parser.ended:
        return Everyone()
    found = parser.any(0)
    if not parser.ended:
        raise parser.error("&&, || or the end")
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._offset = 0

    @property
    def ended(self) -> bool:
        self._match(_BLANK)
        return self._offset == len(self._text)

    def error(self, expected: str) -> SelectorError:
        return SelectorError(expected, self._text, self._offset)

    def any(self, depth: int) -> CalicoSelector:
        parts = [self._all(depth)]
        while self._takes("||"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self, depth: int) -> CalicoSelector:
        parts = [self._operation(depth)]
        while self._takes("&&"):
            parts.append(self._operation(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _operation(self, depth: int) -> CalicoSelector:
        if depth > MOST_DEPTH:
            raise self.error(f"at most {MOST_DEPTH} levels")
        if self._takes("!"):
            return Negated(self._operation(depth + 1))
        if self._takes("("):
            inner = self.any(depth + 1)
            self._require(")")
            return inner
        for word, selector in _CALLS.items():
            if self._takes(f"{word}("):
                self._require(")")
                return selector
        if self._takes("has("):
            key = self._key()
            self._require(")")
            return HasLabel(key)
        return self._compared(self._key())

    def _compared(self, key: str) -> CalicoSelector:
        if self._takes("=="):
            return LabelValue(key, Comparison.IN, (self._string(),))
        if self._takes("!="):
            return Negated(LabelValue(key, Comparison.IN, (self._string(),)))
        self._match(_BLANK)
        found = self._match(_WORD)
        if found is None:
            raise self.error(f"an operator after {key}")
        word = re.sub(r"[ \t]", "", found["word"])
        if word in _COMPARISONS:
            return LabelValue(key, _COMPARISONS[word], (self._string(),))
        among = LabelValue(key, Comparison.IN, self._strings())
        return among if word == "in" else Negated(among)

    def _key(self) -> str:
        self._match(_BLANK)
        start = self._offset
        found = self._match(_KEY)
        if found is None or len(found[0]) > LONGEST_KEY:
            self._offset = start
            raise self.error(f"a label of at most {LONGEST_KEY} characters")
        return found[0]

    def _string(self) -> str:
        self._match(_BLANK)
        found = self._match(_STRING)
        if found is None:
            raise self.error("a string in quotes")
        return found[0][1:-1]

    def _strings(self) -> tuple[str, ...]:
        self._require("{")
        values: list[str] = []
        while not self._takes("}"):
            values.append(self._string())
            if not self._takes(","):
                self._require("}")
                break
        return tuple(values)

    def _require(self, token: str) -> None:
        if not self._takes(token):
            raise self.error(token)

    def _takes(self, token: str) -> bool:
        self._match(_BLANK)
        found = self._text.startswith(token, self._offset)
        self._offset += len(token) if found else 0
        return found

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._offset)
        if found:
            self._offset = found.end()
        return found
