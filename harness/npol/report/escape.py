"""
Text of clusters and tools made harmless: it may hold terminal escapes, markup, and look-alikes.

Sources: CVE-2021-25743 (kubectl printed escape sequences), Unicode TR 36 (bidirectional text).
"""

from __future__ import annotations

import re
from html import escape

from npol.model.sentence import Sentence


def safe(words: str | Sentence) -> str:
    """One line without control, format or unassigned characters; these are spelt `\\x1b`."""
    text = str(words)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def short(text: str | Sentence, most: int) -> str:
    """`safe`, and not longer than `most` characters."""
    line = safe(text)
    return line if len(line) <= most else f"{line[: most - 3]}..."


_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$@])")


def markup(text: str | Sentence) -> str:
    """Text that HTML and XML show as it is."""
    return escape(safe(text))


def markdown(text: str | Sentence) -> str:
    """Text that Markdown shows as it is, in tables too."""
    return _MARKDOWN.sub(r"\\\1", escape(safe(text), quote=False))


def fenced(text: str) -> str:
    """Lines as a code block that their own backticks cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
