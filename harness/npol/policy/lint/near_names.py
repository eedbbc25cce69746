"""Names that are nearly those of namespaces which are known: mistyped, or somebody else's?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from npol.errors import edits

NEAR = 0.85
"""How like a known name one must be to be taken for it, mistyped: most end alike (`-system`)."""
_NUMBERS = re.compile(r"\d+")
_SIBLING = 2
"""Parts of a name up to this long tell siblings apart: `shop-eu` is no `shop-us`, mistyped."""


def nearest_namespace(name: str, known: Iterable[str]) -> str:
    """The one that it may be, mistyped; "" for none. `team-1` is no `team-2`."""
    others = set(known) - {name}
    near = difflib.get_close_matches(name, others, cutoff=NEAR)
    swapped = (o for o in sorted(others) if sorted(o) == sorted(name) and edits(name, o) == 1)
    return next((one for one in (*near, *swapped) if not _are_siblings(name, one)), "")


def _are_siblings(name: str, other: str) -> bool:
    if _NUMBERS.sub("", name) == _NUMBERS.sub("", other):
        return True
    pairs = list(zip(name.split("-"), other.split("-"), strict=False))
    alike = name.count("-") == other.count("-")
    return alike and all(a == b or max(len(a), len(b)) <= _SIBLING for a, b in pairs)
