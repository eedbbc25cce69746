"""
What the makers of pods may say.

Source: kubernetes `pkg/apis/{apps,batch}/validation/validation.go`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from npol.api_rules import name_validation
from npol.api_rules.field_errors import (
    FieldError,
    Raw,
    field_forbidden,
    invalid_value,
    required,
    unsupported,
)
from npol.api_rules.kinds.pod_checks import check_template
from npol.api_rules.objects import Obj
from npol.selectors import matches


def check_deployment(obj: Obj) -> list[FieldError]:
    spec = obj["spec"]
    wrong = _counts(spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    wrong += _selected_template(spec)
    wrong += _strategy(spec["strategy"])
    deadline = spec.get("progressDeadlineSeconds", 600)
    if deadline <= spec.get("minReadySeconds", 0):
        rule = "must be greater than minReadySeconds"
        wrong.append(invalid_value("spec.progressDeadlineSeconds", deadline, rule))
    return wrong


def check_replicated(obj: Obj) -> list[FieldError]:
    """ReplicaSets and DaemonSets."""
    return _counts(obj["spec"], "replicas", "minReadySeconds") + _selected_template(obj["spec"])


def check_statefulset(obj: Obj) -> list[FieldError]:
    """Of the template's pods nothing is looked at: their volumes come from claims."""
    spec = obj["spec"]
    wrong = _counts(spec, "replicas", "minReadySeconds")
    return wrong + _selected_labels(spec) + _kept_running(spec.get("template") or {})


def _counts(spec: Obj, *fields: str) -> list[FieldError]:
    rule = "must be greater than or equal to 0"
    return [invalid_value(f"spec.{f}", spec[f], rule) for f in fields if spec.get(f, 0) < 0]


def _selected_template(spec: Obj) -> list[FieldError]:
    template = spec.get("template") or {}
    wrong = _selected_labels(spec) + check_template(template, "spec.template")
    return wrong + _kept_running(template)


def _selected_labels(spec: Obj) -> list[FieldError]:
    selector, template = spec.get("selector"), spec.get("template") or {}
    wrong: list[FieldError] = []
    if selector is None:
        wrong.append(required("spec.selector"))
    else:
        wrong += name_validation.selector(selector, "spec.selector")
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            rule = "empty selector is invalid for deployment"
            wrong.append(invalid_value("spec.selector", _go_selector(selector), rule))
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None or (not wrong and selector and not matches(selector, labels)):
        rule = "`selector` does not match template `labels`"
        field = "spec.template.metadata.labels"
        wrong.append(invalid_value(field, _go_map(labels), rule))
    return wrong


def _kept_running(template: Obj) -> list[FieldError]:
    inner, wrong = template.get("spec") or {}, []
    if inner.get("restartPolicy") != "Always":
        field = "spec.template.spec.restartPolicy"
        wrong.append(unsupported(field, inner.get("restartPolicy"), ["Always"]))
    if "activeDeadlineSeconds" in inner:
        rule = "activeDeadlineSeconds in ReplicaSet is not Supported"
        wrong.append(field_forbidden("spec.template.spec.activeDeadlineSeconds", rule))
    return wrong


def _go_map(labels: Obj) -> Raw:
    pairs = ", ".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in sorted(labels.items()))
    return Raw(f"map[string]string{{{pairs}}}" if labels else "map[string]string(nil)")


def _go_selector(selector: Obj) -> Raw:
    labels = selector.get("matchLabels")
    shown = _go_map(labels) if labels else "map[string]string(nil)"
    nothing = "[]v1.LabelSelectorRequirement(nil)"
    return Raw(f"v1.LabelSelector{{MatchLabels:{shown}, MatchExpressions:{nothing}}}")


def _strategy(strategy: Obj) -> list[FieldError]:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        rule = "may not be specified when strategy `type` is 'Recreate'"
        return [field_forbidden("spec.strategy.rollingUpdate", rule)] if rolling else []
    if kind != "RollingUpdate":
        nothing = "(*apps.RollingUpdateDeployment)(nil)"
        shown = f"apps.DeploymentStrategy{{Type:{json.dumps(kind)}, RollingUpdate:{nothing}}}"
        return [unsupported("spec.strategy", Raw(shown), ["Recreate", "RollingUpdate"])]
    field, rolling = "spec.strategy.rollingUpdate", rolling or {}
    wrong: list[FieldError] = []
    for key in ("maxUnavailable", "maxSurge"):
        wrong += _count_or_percent(rolling.get(key, 0), f"{field}.{key}")
    zero = [str(rolling.get(k)).rstrip("%") == "0" for k in ("maxUnavailable", "maxSurge")]
    if all(zero):
        rule = "may not be 0 when `maxSurge` is 0"
        shown = _go_number(rolling["maxUnavailable"])
        wrong.append(invalid_value(f"{field}.maxUnavailable", shown, rule))
    return wrong + _at_most_all(rolling.get("maxUnavailable", 0), f"{field}.maxUnavailable")


def _at_most_all(value: Any, field: str) -> list[FieldError]:
    percent = re.fullmatch("([0-9]+)%", str(value))
    if percent is None or int(percent[1]) <= 100:
        return []
    return [invalid_value(field, _go_number(value), "must not be greater than 100%")]


def _go_number(value: Any) -> Raw:
    """A number or text as Go prints an `intstr.IntOrString`."""
    number, text = (value, "") if isinstance(value, int) else (0, value)
    kind = int(bool(text))
    return Raw(f"intstr.IntOrString{{Type:{kind}, IntVal:{number}, StrVal:{json.dumps(text)}}}")


def _count_or_percent(value: Any, field: str) -> list[FieldError]:
    if isinstance(value, int):
        rule = "must be greater than or equal to 0"
        return [invalid_value(field, value, rule)] if value < 0 else []
    if re.fullmatch("[0-9]+%", str(value)):
        return []
    rule = (
        "a valid percent string must be a numeric string followed by an ending '%' "
        "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
    )
    return [invalid_value(field, _go_number(value), rule)]


def check_job(obj: Obj) -> list[FieldError]:
    spec = obj["spec"]
    wrong = _counts(spec, "parallelism", "completions", "backoffLimit", "activeDeadlineSeconds")
    template = spec.get("template") or {}
    wrong += check_template(template, "spec.template")
    restart = (template.get("spec") or {}).get("restartPolicy")
    field = "spec.template.spec.restartPolicy"
    if restart in ("Always", ""):
        wrong.append(required(field, 'valid values: "OnFailure", "Never"'))
    elif restart not in ("OnFailure", "Never"):
        wrong.append(unsupported(field, restart, ["OnFailure", "Never"]))
    return wrong


def check_selector_kept(new: Obj, old: Obj) -> list[FieldError]:
    before, after = old["spec"].get("selector"), new["spec"].get("selector")
    if before == after:
        return []
    return [invalid_value("spec.selector", _go_selector(after or {}), "field is immutable")]


def check_job_update(new: Obj, old: Obj) -> list[FieldError]:
    wrong = check_selector_kept(new, old)
    for key in ("template", "completionMode"):
        if new["spec"].get(key) != old["spec"].get(key):
            wrong.append(invalid_value(f"spec.{key}", new["spec"].get(key), "field is immutable"))
    return wrong
