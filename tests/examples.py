"""How many examples a property is tried with: few in every run, and more at night."""

from __future__ import annotations

import os

from hypothesis import settings


def examples(count: int) -> settings:
    """`count`, times NPOL_EXAMPLES."""
    return settings(max_examples=count * int(os.environ.get("NPOL_EXAMPLES", "1")))
