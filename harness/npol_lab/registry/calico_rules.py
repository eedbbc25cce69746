"""
What Calico's API server fills in and refuses beyond the schema of its kinds, and what the lab does.

Source: projectcalico/calico libcalico-go/lib/validator/v3, .../clientv3 and api/admission.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from npol.api_rules import addresses
from npol.api_rules.field_errors import field_forbidden, invalid_value
from npol.api_rules.kinds import Strategy
from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry import errors
from npol_lab.registry.calico_definitions import GROUP, STORED_GROUP, tiers
from npol_lab.registry.calico_rule_checks import LAB, Problems, check_rule, check_selector
from npol_lab.store import Store

NO_HOST = f"{LAB}: it has no HostEndpoints, and judges packets once, behind translation"
NAMESPACE_LABEL, TIER_LABEL = "projectcalico.org/namespace", "projectcalico.org/tier"
TIERS = f"tiers.{GROUP}"
POLICIES = (f"networkpolicies.{GROUP}", f"globalnetworkpolicies.{GROUP}")
BUILT_IN = frozenset(tier["metadata"]["name"] for tier in tiers())
LONGEST_TIER = 63
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_POLICY = rf"({_LABEL}\.)?{_LABEL}"
_OF_KUBERNETES = r"(knp|ossg)\.default\..+"
"""Names of copies of other policies, which only namespaced ones may bear."""
_TYPES = {"ingress": "Ingress", "egress": "Egress"}
Checks = Callable[[Obj], Problems]


def _default_policy(obj: Obj) -> None:
    """The directions that rules are given for; the tier, also as a label."""
    spec = obj.setdefault("spec", {})
    spec["tier"] = spec.get("tier") or "default"
    if not spec.get("types"):
        given = [name for key, name in _TYPES.items() if spec.get(key)]
        spec["types"] = given or ["Ingress"]
    labels = obj["metadata"].get("labels") or {}
    obj["metadata"]["labels"] = {**labels, TIER_LABEL: spec["tier"]}


def _check_policy(obj: Obj) -> Problems:
    spec, name, namespaced = obj["spec"], obj["metadata"]["name"], "namespace" in obj["metadata"]
    if not re.fullmatch(rf"{_POLICY}|{_OF_KUBERNETES}" if namespaced else _POLICY, name):
        yield invalid_value("metadata.name", name, "must be a DNS label, or two joined by a dot")
    if not re.fullmatch(_LABEL, spec["tier"]):
        yield invalid_value("spec.tier", spec["tier"], "must be a DNS label")
    if len(set(spec["types"])) < len(spec["types"]):
        yield invalid_value("spec.types", spec["types"], "a type is given twice")
    for key in ("selector", "serviceAccountSelector", "namespaceSelector"):
        yield from check_selector(spec.get(key), f"spec.{key}")
    for key in ("doNotTrack", "preDNAT", "applyOnForward"):
        if spec.get(key):
            yield field_forbidden(f"spec.{key}", NO_HOST)
    for direction in _TYPES:
        for i, rule in enumerate(spec.get(direction) or []):
            yield from check_rule(rule, f"spec.{direction}[{i}]", direction, namespaced=namespaced)


def _check_set(obj: Obj) -> Problems:
    if NAMESPACE_LABEL in (obj["metadata"].get("labels") or {}):
        yield invalid_value("metadata.labels", NAMESPACE_LABEL, "is not a valid label name")
    for i, net in enumerate((obj.get("spec") or {}).get("nets") or []):
        if not (addresses.network(net) or addresses.address(net)):
            yield invalid_value(f"spec.nets[{i}]", net, "must be an address or a CIDR")


def _default_tier(obj: Obj) -> None:
    obj.setdefault("spec", {}).setdefault("defaultAction", "Deny")


def _check_tier(obj: Obj) -> Problems:
    name, spec = obj["metadata"]["name"], obj["spec"]
    if not re.fullmatch(_LABEL, name) or len(name) > LONGEST_TIER:
        yield invalid_value("metadata.name", name, "must be a DNS label")
    for built_in in tiers():
        for key, value in built_in["spec"].items():
            if built_in["metadata"]["name"] == name and spec.get(key) != value:
                why = f"must be {value} in the tier {name}"
                yield invalid_value(f"spec.{key}", spec.get(key), why)


def _nothing(obj: Obj) -> None:
    """What the schema fills in is enough."""


_RULES: Mapping[str, tuple[Callable[[Obj], None], Checks]] = {
    **dict.fromkeys(POLICIES, (_default_policy, _check_policy)),
    TIERS: (_default_tier, _check_tier),
    f"networksets.{GROUP}": (_nothing, _check_set),
    f"globalnetworksets.{GROUP}": (_nothing, _check_set),
}


def same_as(kind: ApiResource) -> str:
    """The resource whose objects a definition shows once more; "" for its own."""
    return f"{kind.plural}.{GROUP}" if kind.group == STORED_GROUP else ""


def check_creation(store: Store, policy: Obj) -> None:
    """
    Raises:
        StatusError: 404 where the policy's tier is not there.
    """
    tier = policy["spec"]["tier"]
    if store.get(TIERS, None, tier) is None:
        raise errors.not_found(ApiResource(group=GROUP, plural="tiers", kind="Tier"), tier)


def check_tier_deletion(store: Store, kind: ApiResource, name: str) -> None:
    """
    Raises:
        StatusError: 403 for a tier that every cluster has, or that holds policies.
    """
    inside = any(p["spec"]["tier"] == name for kept in POLICIES for p in store.list(kept))
    if name in BUILT_IN or inside:
        why = "cannot delete a non-empty tier" if inside else f"cannot delete {name} tier"
        raise errors.forbidden(kind, name, why)


def strategy_of(resource: str, schema: Strategy) -> Strategy:
    """What a definition's schema says, and for Calico's kinds the rules beside it."""
    rules = _RULES.get(resource)
    if rules is None:
        return schema
    default, check = rules

    def fill(obj: Obj) -> None:
        schema.default(obj)
        default(obj)

    return Strategy(default=fill, validate=lambda obj: schema.validate(obj) or list(check(obj)))
