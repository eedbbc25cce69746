"""What story files are called."""

from __future__ import annotations

SUFFIXES = (".npol.yaml", ".npol.yml")
