"""Bodies of requests: JSON or YAML, with the paths of keys that were given twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from npol.api_rules.objects import as_sent
from npol.errors import Mistakes
from npol.yaml_positions import YamlDialect, load
from npol_lab.registry import errors

MAX_BYTES = 3 * 1024 * 1024
"""What etcd and the API server take (`MaxRequestBodyBytes`)."""
SHOWN = 1024
"""Bytes of a body that a message repeats."""
JSON = ("application/json", "")
YAML = ("application/yaml", "application/apply-patch+yaml")
ACCEPTED = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


def decode(body: bytes, content_type: str, wanted: str = "") -> tuple[Any, list[str]]:
    """
    The value, and the paths of duplicate keys.

    Raises:
        StatusError: 400 for what is no JSON or YAML (and so no `wanted`), 415 for another format.
    """
    if content_type in YAML:
        return _from_yaml(body, wanted)
    if content_type not in JSON and not content_type.endswith("+json"):
        raise errors.unsupported_media(ACCEPTED)
    return _from_json(body, wanted)


def _from_json(body: bytes, wanted: str) -> tuple[Any, list[str]]:
    try:
        value = json.loads(body, object_pairs_hook=_Table)
    except (ValueError, RecursionError) as wrong:
        raise errors.bad_request(_unrecognized(body, wanted, wrong)) from wrong
    found: list[str] = []
    _walk(value, "", found.append)
    return value, found


def _unrecognized(body: bytes, wanted: str, wrong: Exception) -> str:
    shown = body[:SHOWN].decode(errors="replace") or "<empty>"
    why = str(wrong) if body else "unexpected end of JSON input"
    kind = f" (must be of type {wanted})" if wanted else ""
    return (
        f"the object provided is unrecognized{kind}: couldn't get version/kind; "
        f"json parse error: {why} ({shown})"
    )


def _from_yaml(body: bytes, wanted: str) -> tuple[Any, list[str]]:
    """JSON is YAML: what looks like JSON is read as such, to have its duplicates found."""
    if body.lstrip().startswith(b"{"):
        return _from_json(body, wanted)
    try:
        documents = load(body, "body", YamlDialect.MANIFEST)
    except Mistakes as wrong:
        raise errors.bad_request(f"error decoding YAML: {wrong}") from wrong
    if len(documents) != 1:
        raise errors.bad_request("error decoding YAML: one document is expected")
    return as_sent(documents[0].data), [str(mistake) for mistake in documents[0].duplicates]


class _Table(dict[str, Any]):
    """A JSON object that remembers what it was made from, keys that came twice included."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _walk(value: Any, path: str, tell: Callable[[str], None]) -> None:
    if isinstance(value, _Table):
        seen = set()
        for key, inner in value.pairs:
            here = f"{path}.{key}" if path else key
            if key in seen:
                tell(here)
            seen.add(key)
            _walk(inner, here, tell)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _walk(inner, f"{path}[{i}]", tell)
