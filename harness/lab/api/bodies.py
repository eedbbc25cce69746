"""Bodies of requests: JSON or YAML, with the paths of keys that were given twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from harness.documents import Dialect, load
from harness.errors import Mistakes
from harness.lab.registry import errors

MAX_BYTES = 3 * 1024 * 1024
"""What etcd and the API server take (`MaxRequestBodyBytes`)."""
JSON = ("application/json", "")
YAML = ("application/yaml", "application/apply-patch+yaml")


def decode(body: bytes, content_type: str) -> tuple[Any, list[str]]:
    """
    The value, and the paths of duplicate keys.

    Raises:
        StatusError: 400 for what is no JSON or YAML, 415 for another format.
    """
    if content_type in YAML:
        return _from_yaml(body)
    if content_type not in JSON and not content_type.endswith("+json"):
        raise errors.unsupported_media(["application/json", "application/yaml"])
    return _from_json(body)


def _from_json(body: bytes) -> tuple[Any, list[str]]:
    finder = _Duplicates()
    try:
        value = json.loads(body, object_pairs_hook=finder.pairs)
    except (ValueError, RecursionError) as wrong:
        raise errors.bad_request(f"the object provided is unrecognized: {wrong}") from wrong
    return finder.unwrapped(value)


def _from_yaml(body: bytes) -> tuple[Any, list[str]]:
    """JSON is YAML: what looks like JSON is read as such, to have its duplicates found."""
    if body.lstrip().startswith(b"{"):
        return _from_json(body)
    try:
        documents = load(body, "body", Dialect.MANIFEST)
    except Mistakes as wrong:
        raise errors.bad_request(f"error decoding YAML: {wrong}") from wrong
    if len(documents) != 1:
        raise errors.bad_request("error decoding YAML: one document is expected")
    return documents[0].data, [str(mistake) for mistake in documents[0].duplicates]


class _Table(dict[str, Any]):
    """A JSON object that remembers which of its keys came twice."""

    twice: tuple[str, ...] = ()


class _Duplicates:
    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = _Table(pairs)
        if len(table) != len(pairs):
            times = Counter(key for key, _ in pairs)
            table.twice = tuple(key for key, count in times.items() if count > 1)
        return table

    def unwrapped(self, value: Any) -> tuple[Any, list[str]]:
        found: list[str] = []
        _walk(value, "", found.append)
        return value, found


def _walk(value: Any, path: str, tell: Callable[[str], None]) -> None:
    if isinstance(value, _Table):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            if key in value.twice:
                tell(here)
            _walk(inner, here, tell)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _walk(inner, f"{path}[{i}]", tell)
