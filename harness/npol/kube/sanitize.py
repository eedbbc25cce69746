"""Text from servers and programs, made fit to be shown: one line, no escapes, no credentials."""

from __future__ import annotations

import re
from collections.abc import Iterable

CREDENTIAL = re.compile(
    r"(?i:bearer)\s+[\w.~+/=-]{8,}"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JSON Web Token
    r"|-----BEGIN[^-]*-----[\s\S]*?-----END[^-]*-----"
)
OPAQUE = re.compile(r"[\w.~+/=-]{32,}")
"""A word so long that it may be a key."""


def plain(text: str, *, secrets: Iterable[str] = (), limit: int = 1000) -> str:
    """
    A foreign text without control characters (CVE-2021-25743) and without credentials.

    `secrets` are masked wherever they stand; what looks like a credential is masked too.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = CREDENTIAL.sub("***", text)
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def guarded(text: str, *, limit: int = 300) -> str:
    """As `plain`, and without any word that may be a key: for what credential plugins print."""
    return plain(OPAQUE.sub("***", text), limit=limit)


def cause_of(error: BaseException) -> str:
    """`Connection refused` instead of the whole chain of wrappers around it."""
    root = error
    while (deeper := root.__cause__ or root.__context__) is not None:
        root = deeper
    words = getattr(root, "strerror", None) or str(root) or type(root).__name__
    return plain(str(words), limit=200)
