"""Words for people, of a type that cannot be searched or compared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """
    What people read, and no code does.

    It has none of the methods of `str`: the type checker refuses `in`, `==` with a text,
    `startswith`. `str()` gives the words, for output. One without words is false.
    """

    _words: str = ""

    def __str__(self) -> str:
        return self._words

    def __bool__(self) -> bool:
        return bool(self._words)
