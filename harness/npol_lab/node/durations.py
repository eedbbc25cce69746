"""Go's durations, as flags and queries carry them."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def parse_duration(text: str) -> float:
    """
    Seconds of a duration such as `1m30s`; `0` needs no unit.

    Raises:
        ValueError: the text is no duration.
    """
    if text == "0":
        return 0.0
    if not text or _PART.sub("", text):
        raise ValueError(f'invalid duration "{text}"')
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
