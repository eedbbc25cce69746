"""What commands print, for comparing it with what pages show."""

from __future__ import annotations

import re

VARIES = (
    (re.compile(r" \(by records [^)]*\)"), ""),
    (re.compile(r"\d+(\.\d+)? m?s\b"), "TIME"),
    (re.compile(r"\b10\.\d+\.\d+\.\d+"), "ADDRESS"),
    (re.compile(r"-[a-z0-9]{10}-[a-z0-9]{1,5}\b"), "-POD"),
    (re.compile(r"\blab-\d"), "NODE"),
    (re.compile(r"asked +\d+ rounds"), "asked N rounds"),
    (re.compile(r"enforced (at once|(in|within|after) TIME)"), "enforced"),
    (re.compile(r"\s+"), " "),
)


def steady(text: str) -> str:
    """A run's text without what differs from run to run: times, addresses, names, line breaks."""
    for pattern, instead in VARIES:
        text = pattern.sub(instead, text)
    return text.strip()
