"""Objects and texts without what may be secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from npol.kube.sanitize import CREDENTIAL

REDACTED = "(redacted)"
TELLING = r"(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key|credential|auth)"
"""Parts of names whose values are not shown."""
ASSIGNED = re.compile(
    rf"(?i)([\w.-]*{TELLING}[\w.-]*[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
)
"""`PASSWORD=x`, `--api-token: "x"`."""
USERINFO = re.compile(r"(://)[^/@\s]+@")
"""`https://user:word@host`."""
FLAG = re.compile(rf"(?i)-{{1,2}}[\w-]*{TELLING}[\w-]*")
"""A flag whose value is the next word."""
NAME = re.compile(f"(?i){TELLING}")
SHORT = 6
"""Characters below which a value is not looked for elsewhere: it would be found everywhere."""

KEPT_ANNOTATIONS = (
    "kubernetes.io",
    "npol.dev",
    "argoproj.io",
    "fluxcd.io",
    "projectcalico.org",
    "cilium.io",
)
"""Domains whose annotations are kept; of others only the keys are."""
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""It repeats the whole object."""


def redacted(value: Any, secrets: Collection[str] = ()) -> Any:
    """
    JSON data without values of env, headers and foreign annotations.

    `secrets` are masked wherever they stand.
    """
    if isinstance(value, Mapping):
        kept = ((key, item) for key, item in value.items() if key != "managedFields")
        return {masked(key, secrets): _field(key, item, secrets) for key, item in kept}
    if isinstance(value, list):
        return [redacted(item, secrets) for item in value]
    return masked(value, secrets) if isinstance(value, str) else value


def _field(key: str, value: Any, secrets: Collection[str]) -> Any:
    if key in ("env", "httpHeaders") and isinstance(value, list):
        return [_without_value(item, secrets) for item in value]
    if key in ("args", "command") and isinstance(value, list):
        return list(_words(value, secrets))
    if key == "annotations" and isinstance(value, Mapping):
        return {
            name: masked(str(text), secrets) if _is_kept(name) else REDACTED
            for name, text in value.items()
        }
    return redacted(value, secrets)


def _without_value(item: Any, secrets: Collection[str]) -> Any:
    if isinstance(item, Mapping) and "value" in item:
        return {**redacted(item, secrets), "value": REDACTED}
    return redacted(item, secrets)


def _words(words: list[Any], secrets: Collection[str]) -> Iterator[Any]:
    """Arguments; the word after `--password` is its value."""
    hidden = False
    for word in words:
        yield REDACTED if hidden else redacted(word, secrets)
        hidden = isinstance(word, str) and FLAG.fullmatch(word) is not None


def _is_kept(key: str) -> bool:
    domain = key.partition("/")[0]
    return key != APPLIED and any(domain == d or domain.endswith(f".{d}") for d in KEPT_ANNOTATIONS)


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """A text without these secrets, and without what looks like one."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    text = CREDENTIAL.sub(REDACTED, text)
    return USERINFO.sub(rf"\1{REDACTED}@", ASSIGNED.sub(rf"\1{REDACTED}", text))


def secrets_of(value: Any) -> Iterator[str]:
    """Values of environment variables whose names say that they are secret."""
    if isinstance(value, Mapping):
        name, held = value.get("name"), value.get("value")
        if isinstance(name, str) and isinstance(held, str) and NAME.search(name):
            yield from (h for h in (held,) if len(h) >= SHORT)
        for item in value.values():
            yield from secrets_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_of(item)
