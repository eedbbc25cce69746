"""The names of engines that code asks for; all others are rows of a table."""

from __future__ import annotations

CALICO = "calico"
LAB = "npol-lab"
STANDS_FOR = {LAB: CALICO}
"""Engine -> the one for which a story's expectations hold on it, too (docs/semantics.md)."""
