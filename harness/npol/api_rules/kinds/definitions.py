"""CustomResourceDefinitions: defaults, and what they may say."""

from __future__ import annotations

from npol.api_rules.field_errors import FieldError, Raw, invalid_value, required
from npol.api_rules.objects import Obj

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


def default_definition(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    names.setdefault("singular", names.get("kind", "").lower())
    names.setdefault("listKind", f"{names.get('kind', '')}List")
    spec.setdefault("conversion", {"strategy": "None"})


def check_definition(obj: Obj) -> list[FieldError]:
    spec, wrong = obj["spec"], []
    group, plural = spec.get("group", ""), spec["names"].get("plural", "")
    for field, value in (("group", group), ("scope", spec.get("scope"))):
        if not value:
            wrong.append(required(f"spec.{field}"))
    for field in ("plural", "kind"):
        if not spec["names"].get(field):
            wrong.append(required(f"spec.names.{field}"))
    if obj["metadata"].get("name") != f"{plural}.{group}":
        rule = 'must be spec.names.plural+"."+spec.group'
        wrong.append(invalid_value("metadata.name", obj["metadata"].get("name"), rule))
    if sum(1 for v in spec.get("versions") or [] if v.get("storage")) != 1:
        rule = "must have exactly one version marked as storage version"
        wrong.append(invalid_value("spec.versions", Raw("[]"), rule))
    return wrong
