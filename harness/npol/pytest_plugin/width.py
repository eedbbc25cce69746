"""How wide explanations in pytest are."""

from __future__ import annotations

import shutil

NARROWEST, WIDEST = 60, 140


def terminal_width() -> int:
    """Of the terminal; workers of xdist have none, and know what COLUMNS says."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)
