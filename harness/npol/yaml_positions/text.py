"""What a file holds as text; else, where it stops being text."""

from __future__ import annotations

import re

from npol.errors import Mistake, Mistakes, Position

MAX_BYTES = 5_000_000
MAX_RENDERED = 20_000_000
"""Of many files at once: the definitions of one operator have 4 MB."""


def decoded_text(text: str | bytes, file: str, limit: int) -> str:
    if len(text) > limit:
        raise Mistakes([Mistake(Position(file), f"larger than {limit // 1_000_000} MB")])
    decoded = text if isinstance(text, str) else _utf8(text, file)
    if odd := _NOT_PRINTABLE.search(decoded):
        raise stopped(decoded[: odd.start()], file, f"control character {odd[0]!a}")
    return decoded


def _utf8(text: bytes, file: str) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode(errors="replace")
        raise stopped(before, file, f"not UTF-8 text: {error.reason}") from error


def stopped(before: str, file: str, message: str) -> Mistakes:
    """A mistake right behind the text `before`."""
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Mistakes([Mistake(Position(file, line, column), message)])


_NOT_PRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML 1.2 leaves out of its character set (section 5.1), and byte order marks inside."""
