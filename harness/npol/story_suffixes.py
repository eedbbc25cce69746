"""What story files are called."""

from __future__ import annotations

STORY_SUFFIXES = (".npol.yaml", ".npol.yml")
