"""
Defaults of webhook configurations and of admission policies, which the lab keeps and never asks.

Source: kubernetes `pkg/apis/admissionregistration/v1/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj


def default_validating(obj: Obj) -> None:
    for webhook in obj.get("webhooks") or []:
        _default_webhook(webhook)


def default_mutating(obj: Obj) -> None:
    for webhook in obj.get("webhooks") or []:
        _default_webhook(webhook)
        webhook.setdefault("reinvocationPolicy", "Never")


def _default_webhook(webhook: Obj) -> None:
    webhook.setdefault("failurePolicy", "Fail")
    webhook.setdefault("timeoutSeconds", 10)
    _default_match(webhook)
    _default_scopes(webhook.get("rules"))
    if "service" in webhook.get("clientConfig", {}):
        webhook["clientConfig"]["service"].setdefault("port", 443)


def default_policy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    if "matchConstraints" in spec:
        _default_resources(spec["matchConstraints"])


def default_policy_binding(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if "matchResources" in spec:
        _default_resources(spec["matchResources"])


def _default_resources(matched: Obj) -> None:
    _default_match(matched)
    for key in ("resourceRules", "excludeResourceRules"):
        _default_scopes(matched.get(key))


def _default_match(owner: Obj) -> None:
    owner.setdefault("matchPolicy", "Equivalent")
    for key in ("namespaceSelector", "objectSelector"):
        owner.setdefault(key, {})


def _default_scopes(rules: Iterable[Obj] | None) -> None:
    for rule in rules or []:
        rule.setdefault("scope", "*")
