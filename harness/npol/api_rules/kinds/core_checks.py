"""What the small kinds may say. Source: kubernetes `pkg/apis/*/validation/validation.go`."""

from __future__ import annotations

import base64
import json

from npol.api_rules import name_validation
from npol.api_rules.field_errors import (
    FieldError,
    Raw,
    field_forbidden,
    invalid_value,
    required,
    too_long,
    unsupported,
)
from npol.api_rules.objects import Obj

MAX_BYTES = 1024 * 1024
"""Of a ConfigMap's or a Secret's values together."""
FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
KINDS = ("ClusterRole", "Role")


def check_namespace(obj: Obj) -> list[FieldError]:
    """Source: `validateFinalizerName`, which takes the namespaces' own finalizer besides."""
    rule = "name is neither a standard finalizer name nor is it fully qualified"
    wrong: list[FieldError] = []
    for finalizer in obj.get("spec", {}).get("finalizers") or []:
        messages = name_validation.qualified_name(finalizer)
        if not messages and "/" not in finalizer and finalizer not in FINALIZERS:
            messages = [rule]
        wrong += [invalid_value("spec.finalizers", finalizer, m) for m in messages]
    return wrong


def check_configmap(obj: Obj) -> list[FieldError]:
    plain, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    wrong = [
        invalid_value(f"data[{k}]", k, m) for k in plain for m in name_validation.config_key(k)
    ]
    rule = "duplicate of key present in binaryData"
    wrong += [invalid_value(f"data[{k}]", k, rule) for k in plain if k in binary]
    wrong += [
        invalid_value(f"binaryData[{k}]", k, m)
        for k in binary
        for m in name_validation.config_key(k)
    ]
    size = sum(len(v.encode()) for v in plain.values())
    size += sum(len(base64.b64decode(v)) for v in binary.values())
    return [*wrong, too_long("", MAX_BYTES)] if size > MAX_BYTES else wrong


def check_secret(obj: Obj) -> list[FieldError]:
    data = obj.get("data") or {}
    wrong = [invalid_value(f"data[{k}]", k, m) for k in data for m in name_validation.config_key(k)]
    if sum(len(base64.b64decode(v)) for v in data.values()) > MAX_BYTES:
        wrong.append(too_long("data", MAX_BYTES))
    return wrong


def check_immutable_data(new: Obj, old: Obj) -> list[FieldError]:
    """A ConfigMap or Secret with `immutable: true`."""
    if not old.get("immutable"):
        return []
    changed = [k for k in ("data", "binaryData") if new.get(k) != old.get(k)]
    changed += [] if new.get("immutable") else ["immutable"]
    rule = "field is immutable when `immutable` is set"
    return [field_forbidden(k, rule) for k in changed]


def check_secret_update(new: Obj, old: Obj) -> list[FieldError]:
    wrong = check_immutable_data(new, old)
    if new.get("type") != old.get("type"):
        wrong.append(invalid_value("type", new.get("type"), "field is immutable"))
    return wrong


def check_lease(obj: Obj) -> list[FieldError]:
    spec = obj.get("spec") or {}
    duration, changes = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    wrong: list[FieldError] = []
    if duration is not None and duration <= 0:
        rule = "must be greater than 0"
        wrong.append(invalid_value("spec.leaseDurationSeconds", duration, rule))
    if changes is not None and changes < 0:
        rule = "must be greater than or equal to 0"
        wrong.append(invalid_value("spec.leaseTransitions", changes, rule))
    return wrong


def check_role(obj: Obj) -> list[FieldError]:
    wrong: list[FieldError] = []
    for i, rule in enumerate(obj.get("rules") or []):
        if not rule.get("verbs"):
            wrong.append(required(f"rules[{i}].verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            continue
        for key in ("apiGroups", "resources"):
            if not rule.get(key):
                needs = "resource rules must supply at least one "
                needs += "api group" if key == "apiGroups" else "resource"
                wrong.append(required(f"rules[{i}].{key}", needs))
    return wrong


def check_binding(obj: Obj) -> list[FieldError]:
    reference, wrong = obj.get("roleRef") or {}, []
    known = KINDS if obj.get("kind") == "RoleBinding" else KINDS[:1]
    if reference.get("kind") not in known:
        wrong.append(unsupported("roleRef.kind", reference.get("kind", ""), known))
    if not reference.get("name"):
        wrong.append(required("roleRef.name"))
    for i, subject in enumerate(obj.get("subjects") or []):
        field = f"subjects[{i}]"
        if not subject.get("name"):
            wrong.append(required(f"{field}.name"))
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            if obj.get("kind") == "ClusterRoleBinding":
                wrong.append(required(f"{field}.namespace"))
        elif subject.get("kind") not in ("ServiceAccount", "User", "Group"):
            kinds = ("ServiceAccount", "User", "Group")
            wrong.append(unsupported(f"{field}.kind", subject.get("kind", ""), kinds))
    return wrong


def check_binding_update(new: Obj, old: Obj) -> list[FieldError]:
    if new.get("roleRef") == old.get("roleRef"):
        return []
    given = new.get("roleRef") or {}
    keys = (("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name"))
    inner = ", ".join(f"{go}:{json.dumps(given.get(key, ''))}" for go, key in keys)
    return [invalid_value("roleRef", Raw(f"rbac.RoleRef{{{inner}}}"), "cannot change roleRef")]
