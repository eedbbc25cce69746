"""
`metadata`: what the API server refuses in it.

Source: apimachinery `pkg/api/validation/objectmeta.go`, ValidateObjectMetaAccessor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from npol.api_rules import name_validation
from npol.api_rules.field_errors import FieldError, go_strings, invalid_value, required, too_long
from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource

ANNOTATION_BYTES = 256 * 1024
STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")


def check_metadata(
    kind: ApiResource, obj: Obj, name_rule: Callable[[str], list[str]]
) -> list[FieldError]:
    metadata = obj["metadata"]
    wrong: list[FieldError] = []
    prefix, name = metadata.get("generateName"), metadata.get("name")
    if prefix:
        stem = prefix.rstrip("-") if prefix.endswith("-") else prefix
        messages = name_rule(stem)
        wrong += [invalid_value("metadata.generateName", prefix, m) for m in messages]
    if not name:
        wrong.append(required("metadata.name", "name or generateName is required"))
    else:
        wrong += [invalid_value("metadata.name", name, m) for m in name_rule(name)]
    wrong += name_validation.labels(metadata.get("labels") or {}, "metadata.labels")
    wrong += _annotations(metadata.get("annotations") or {})
    wrong += _owners(metadata.get("ownerReferences") or [])
    return wrong + _finalizers(metadata.get("finalizers") or [], custom=kind.custom)


def _annotations(annotations: Obj) -> list[FieldError]:
    field = "metadata.annotations"
    wrong = [
        invalid_value(field, k, m)
        for k in annotations
        for m in name_validation.qualified_name(k.lower())
    ]
    size = sum(len(k.encode()) + len(v.encode()) for k, v in annotations.items())
    if size > ANNOTATION_BYTES:
        wrong.append(too_long(field, ANNOTATION_BYTES))
    return wrong


def _owners(references: Sequence[Obj]) -> list[FieldError]:
    words = {"apiVersion": "version", "kind": "kind", "name": "name", "uid": "uid"}
    wrong = [
        invalid_value(f"metadata.ownerReferences.{key}", "", f"{word} must not be empty")
        for reference in references
        for key, word in words.items()
        if not reference.get(key)
    ]
    controllers = [f"{r.get('kind')}/{r.get('name')}" for r in references if r.get("controller")]
    if len(controllers) > 1:
        rule = (
            "Only one reference can have Controller set to true. Found "
            f'"true" in references for {controllers[0]} and {controllers[1]}'
        )
        wrong.append(invalid_value("metadata.ownerReferences", list(references), rule))
    return wrong


def _finalizers(finalizers: Sequence[str], *, custom: bool) -> list[FieldError]:
    field = "metadata.finalizers"
    wrong = [
        invalid_value(field, f, m) for f in finalizers for m in name_validation.qualified_name(f)
    ]
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        rule = "finalizer orphan and foregroundDeletion cannot be both set"
        wrong.append(invalid_value(field, go_strings(finalizers), rule))
    rule = "name is neither a standard finalizer name nor is it fully qualified"
    unqualified = [] if custom else [f for f in finalizers if "/" not in f]
    return wrong + [
        invalid_value(f"{field}[{finalizers.index(f)}]", f, rule)
        for f in unqualified
        if f not in STANDARD_FINALIZERS
    ]
