"""What values know for the run alone, and no report tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

NOT_REPORTED = {"reported": False}
"""Metadata of a field that means nothing once the run is over."""


def reported_fields(model: Any) -> Iterator[Field[Any]]:
    """Of a dataclass, or of one of its values."""
    return (f for f in fields(model) if f.metadata.get("reported", True))
