"""
Text of clusters and tools made harmless: it may hold terminal escapes, markup, and look-alikes.

Sources: CVE-2021-25743 (kubectl printed escape sequences), Unicode TR 36 (bidirectional text).
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pytest's plugin loads no model before there is a story
    from npol.model.seen_outcome import SeenOutcome

_NAMES = (
    "add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher"
    "|save-state|set-env|set-output|stop-commands|warning"
)
_COMMAND = re.compile(
    rf"(?P<colons>::)(?=(?:{_NAMES})\b)"
    r"|(?<!\S)(?P<first>::)(?=[A-Za-z][\w-]*(?:\s.*)?::)"
    r"|(?P<hashes>##)(?=\w*\[)",
    re.IGNORECASE,
)
"""
What the runners of GitHub, Azure and TeamCity take out of a job's log and obey.

`::name::` counts at the start of a line only, and any text may come to stand there when lines are
wrapped. Sources: actions/runner ActionCommand.cs, azure-pipelines-agent Command.cs.
"""


def safe(words: str | SeenOutcome) -> str:
    """
    One line without control, format or unassigned characters; these are spelt `\\x1b`.

    So is the first character of what would be a command to the machine that runs a job.
    """
    text = str(words)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return _COMMAND.sub(lambda m: r"\x23#" if m["hashes"] else r"\x3a:", text)


def paragraph(text: str) -> str:
    """`safe`, line by line: for messages that have several."""
    return "\n".join(map(safe, text.split("\n")))


def short(text: str | SeenOutcome, most: int) -> str:
    """`safe`, and not longer than `most` characters."""
    line = safe(text)
    return line if len(line) <= most else f"{line[: most - 3]}..."


_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$@])")


def markup(text: str | SeenOutcome) -> str:
    """Text that HTML and XML show as it is."""
    return escape(safe(text))


def markdown(text: str | SeenOutcome) -> str:
    """Text that Markdown shows as it is, in tables too."""
    return _MARKDOWN.sub(r"\\\1", escape(safe(text), quote=False))


def code(text: str) -> str:
    """A code span that its own backticks cannot end."""
    line = safe(text)
    fence = "`" * (_longest(line) + 1)
    pad = " " if line[:1] in ("`", " ") or line[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(text: str) -> str:
    """Lines as a code block that their own backticks cannot end."""
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def _longest(text: str) -> int:
    """How many backticks stand in a row."""
    return max(map(len, re.findall(r"`+", text)), default=0)
