"""Text from servers and programs, made fit to be shown: one line, no escapes, no credentials."""

from __future__ import annotations

import re
from collections.abc import Iterable

CREDENTIAL = re.compile(
    r"(?i:bearer|basic)\s+[\w.~+/=-]{8,}"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JSON Web Token
    r"|-----BEGIN[^-]*-----[\s\S]*?-----END[^-]*-----"
)
TELLING = r"(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key|credential|auth)"
"""Parts of names whose values are not shown."""
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
ASSIGNED = re.compile(rf"(?i)([\w.-]*{TELLING}[\w.-]*[\"']?\s*[=:]\s*){_VALUE}")
"""`PASSWORD=x`, `--api-token: "x"`."""
_STATED = re.compile(
    rf"(?i)([\w.-]*{TELLING}[\w.-]*[\"']?\s*=\s*"
    rf"|[\w.-]*(?:passw(?:or)?d|passphrase|token|api[-_]?key|access[-_]?key)[\"']?\s*:\s*){_VALUE}"
)
"""As ASSIGNED, but a colon ends a clause too: `Unauthorized: expired` is no value."""
USERINFO = re.compile(r"(://)[^\s\"'<>]+@")
"""`https://user:word@host`, to the last `@`: a password may hold one, and a slash."""
QUERY = re.compile(r"(://[^\s\"'<>?]+\?)[^\s\"'<>]+")
"""`https://host/path?sig=word`, whatever the parameter's name."""
OPAQUE = re.compile(r"[\w.~+/=-]{32,}")
"""A word so long that it may be a key."""
SHORT = 6
"""Characters below which a value is not looked for elsewhere: it would be found everywhere."""


def plain(text: str, *, secrets: Iterable[str] = (), limit: int = 1000) -> str:
    """
    A foreign text without control characters (CVE-2021-25743) and without credentials.

    `secrets` are masked wherever they stand; what looks like a credential is masked too.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = _STATED.sub(r"\1***", CREDENTIAL.sub("***", text))
    text = QUERY.sub(r"\1***", USERINFO.sub(r"\1***@", text))
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def guarded(text: str, *, secrets: Iterable[str] = (), limit: int = 300) -> str:
    """As `plain`, and without any word that may be a key: for what credential plugins print."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return plain(OPAQUE.sub("***", text), limit=limit)


def is_header(text: str) -> bool:
    """Whether a text may stand in an HTTP header."""
    return all(c == "\t" or (" " <= c <= "\xff" and not "\x7f" <= c <= "\x9f") for c in text)


def cause_of(error: BaseException) -> str:
    """`Connection refused` instead of the whole chain of wrappers around it."""
    root = error
    while (deeper := root.__cause__ or root.__context__) is not None:
        root = deeper
    words = getattr(root, "strerror", None) or str(root) or type(root).__name__
    return plain(str(words), limit=200)
