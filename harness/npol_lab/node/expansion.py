"""`$(NAME)` in variables and command lines, and how much a program may be told in all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping

LONGEST = 128 << 10
"""Characters of one variable or argument; Linux takes no more bytes, MAX_ARG_STRLEN."""
MOST = 2 << 20
"""Of all together: a quarter of what a stack usually may be."""


class Room:
    """Counts what a program is told."""

    def __init__(self, most: int = MOST) -> None:
        self._left = most

    def take(self, text: str) -> str:
        """
        The same text.

        Raises:
            OSError: there is no more room.
        """
        self._left -= len(text)
        if self._left < 0:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        return text


def expand(text: str, env: Mapping[str, str]) -> str:
    """
    `$(NAME)` becomes the variable's value, `$$(NAME)` stays; unknown names stay, too.

    Raises:
        OSError: it becomes longer than a program may be told.
    """
    room = Room(max(LONGEST, len(text)))

    def replaced(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else room.take(env.get(match[1], match[0]))

    return re.sub(r"\$\$|\$\(([^)]*)\)", replaced, text)
