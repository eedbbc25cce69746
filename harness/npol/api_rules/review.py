"""
One object before the API server: taken, or refused for these reasons.

What only a cluster knows is left out: whether a namespace exists, what is allocated already, what
its admission plugins say.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.api_rules.decode import Decoder, WrongType
from npol.api_rules.field_errors import FieldError, required
from npol.api_rules.kinds import strategy_of
from npol.api_rules.metadata_checks import check_metadata
from npol.api_rules.objects import Obj, as_sent
from npol.api_rules.resources import BUILT_IN, ApiResource
from npol.api_rules.schema import type_of

UNKNOWN_FIELD = "UnknownField"
WRONG_TYPE = "TypeInvalid"
NO_SUCH_KIND = "NoSuchKind"
"""Reasons beside the API's own words, which it uses for what it can decode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectReview:
    """`resource` None: a kind that custom resources may bring, of which nothing is known."""

    resource: ApiResource | None = None
    errors: tuple[FieldError, ...] = ()
    object: Obj | None = None
    """As the server would keep it, defaults filled in; None of what it refuses or does not know."""

    @property
    def accepted(self) -> bool:
        return not self.errors


def review(obj: Mapping[str, Any]) -> ObjectReview:
    """The answer to `kubectl create` with strict validation; `obj` as JSON, keys all texts."""
    for key in ("kind", "apiVersion"):
        if not isinstance(obj.get(key), str) or not obj[key]:
            return ObjectReview(errors=(required(key, "no object has none"),))
    if kind := _served().get((obj["apiVersion"], obj["kind"])):
        return _review(kind, obj)
    wrong = no_such_kind(obj["apiVersion"], obj["kind"])
    return ObjectReview(errors=(wrong,) if wrong else ())


def no_such_kind(api_version: str, kind: str) -> FieldError | None:
    """The answer to a kind that nobody serves; None where custom resources may bring it."""
    group = _group(api_version)
    known = (api_version, kind) in _served()
    if known or (group not in _groups() and "." in group):
        return None
    return FieldError(NO_SUCH_KIND, "kind", f'no matches for kind "{kind}" in "{api_version}"')


def _review(kind: ApiResource, obj: Mapping[str, Any]) -> ObjectReview:
    """What is mistyped is all that is said; then unknown fields; then what validation finds."""
    decoder = Decoder()
    try:
        decoded = decoder.struct(type_of(kind), _sorted(obj))
    except WrongType as wrong:
        error = FieldError(WRONG_TYPE, wrong.path, str(wrong))
        return ObjectReview(resource=kind, errors=(error,))
    if decoder.unknown:
        errors = (FieldError(UNKNOWN_FIELD, p, f'unknown field "{p}"') for p in decoder.unknown)
        return ObjectReview(resource=kind, errors=tuple(errors))
    return _validated(kind, decoded)


def _validated(kind: ApiResource, obj: Obj) -> ObjectReview:
    strategy = strategy_of(kind.name)
    metadata = obj.setdefault("metadata", {})
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = f"{metadata['generateName']}x"
    if kind.namespaced:
        metadata.setdefault("namespace", "default")
    if "status" in kind.subresources and kind.name != "nodes":
        obj.pop("status", None)
    strategy.default(obj)
    strategy.prepare(obj)
    obj = Decoder().struct(type_of(kind), obj)
    wrong = check_metadata(kind, obj, strategy.name)
    wrong += [*strategy.validate(obj), *strategy.validate_create(obj)]
    return ObjectReview(resource=kind, errors=tuple(wrong), object=None if wrong else obj)


def _sorted(value: Any) -> Any:
    """As kubectl sends it: Go writes keys in order, and the first of several mistakes is told."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list) else as_sent(value)


def _group(version: str) -> str:
    return version.rpartition("/")[0]


@functools.cache
def _served() -> dict[tuple[str, str], ApiResource]:
    """By apiVersion and kind; kinds of subresources have paths of their own."""
    return {(r.api_version, r.kind): r for r in reversed(BUILT_IN)}


@functools.cache
def _groups() -> frozenset[str]:
    """Groups of custom resources have a dot in them; of these, nobody else may serve kinds."""
    return frozenset(_group(version) for version, _ in _served())
