"""Objects and texts without what may be secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from npol.kube.sanitize import ASSIGNED, CREDENTIAL, QUERY, SHORT, TELLING, USERINFO

REDACTED = "(redacted)"
NAME = re.compile(f"(?i){TELLING}")
OPTION = re.compile(r"(?<![\w-])(-p|-u[ =]?|--user[ =]|-a[ =]?(?=\S*\d))(?![ =-])[^\s\"',\]]{4,}")
"""`mysql -pWORD`, `curl -u name:word`, `redis-cli -a word1`, in what programs and events say."""

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
    JSON data without commands, values of env and headers, queries and foreign annotations.

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
        return [f"{REDACTED}: {len(value)} words"] if value else []
    if key == "volumeAttributes" and isinstance(value, Mapping):
        return dict.fromkeys(value, REDACTED)
    if key == "terminated" and isinstance(value, Mapping) and "message" in value:
        return redacted({**value, "message": REDACTED}, secrets)  # what the program printed
    if key == "path" and isinstance(value, str):
        path, mark, query = value.partition("?")
        return masked(path, secrets) + (f"{mark}{REDACTED}" if query else mark)
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


def _is_kept(key: str) -> bool:
    domain = key.partition("/")[0]
    return key != APPLIED and any(domain == d or domain.endswith(f".{d}") for d in KEPT_ANNOTATIONS)


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """A text without these secrets, and without what looks like one."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    text = CREDENTIAL.sub(REDACTED, text)
    text = OPTION.sub(rf"\1{REDACTED}", ASSIGNED.sub(rf"\1{REDACTED}", text))
    return QUERY.sub(rf"\1{REDACTED}", USERINFO.sub(rf"\1{REDACTED}@", text))


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
