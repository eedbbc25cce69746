"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(seconds: float) -> str:
    """`metav1.Time` of seconds since the epoch: whole seconds, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def nano_timestamp(seconds: float) -> str:
    """RFC 3339 with nine digits, as container logs carry it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}000Z"


def parse_timestamp(text: str) -> float:
    """
    Seconds since the epoch of an RFC 3339 time.

    Raises:
        ValueError: the text is no such time.
    """
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
