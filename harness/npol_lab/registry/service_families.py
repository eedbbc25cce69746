"""
Which IP families a Service has, as the API server chooses them.

Source: kubernetes `pkg/registry/core/service/storage/alloc.go`, initIPFamilyFields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol.api_rules.field_errors import FieldError, go_strings, invalid_value
from npol.api_rules.kinds.service_families import (
    FAMILIES,
    IPS,
    POLICY,
    PREFER,
    REQUIRE,
    SINGLE,
)
from npol.api_rules.kinds.services import HEADLESS
from npol.api_rules.objects import Obj
from npol_lab.families import family_of


def choose_families(spec: Obj, old: Obj | None, configured: Sequence[str]) -> list[FieldError]:
    """
    Fill in `ipFamilyPolicy` and `ipFamilies`, and say what this cluster cannot give.

    Args:
        old: the spec before an update.
        configured: the cluster's families, its first one first.
    """
    if old and _keeps_preference(spec, old):
        return []
    bare = spec.get("clusterIP") == HEADLESS and not spec.get("selector")
    before = (old or {}).get("ipFamilyPolicy")
    policy = spec.get("ipFamilyPolicy") or before or (REQUIRE if bare else SINGLE)
    spec["ipFamilyPolicy"] = policy
    wrong = [*_released(spec, old), *_too_many(spec), *_inferred(spec, configured)]
    if not bare:
        wrong = wrong or list(_not_configured(spec, configured))
    if wrong:
        return wrong
    families = spec["ipFamilies"] = spec.get("ipFamilies") or [configured[0]]
    if policy != SINGLE and len(families) == 1 and (bare or len(configured) == 2):
        families.append("IPv6" if families[0] == "IPv4" else "IPv4")
    return []


def _keeps_preference(spec: Obj, old: Obj) -> bool:
    """A Service that prefers two families is not changed because the cluster has changed."""
    if (spec.get("ipFamilyPolicy"), old.get("ipFamilyPolicy")) != (PREFER, PREFER):
        return False
    return all(spec.get(k) in (None, old.get(k)) for k in ("clusterIPs", "ipFamilies"))


def _released(spec: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Who asks for one family gives the second one back, and only who asks may."""
    policy = spec["ipFamilyPolicy"]
    whats = {"clusterIPs": "cluster IP", "ipFamilies": "IP family"}
    for key, what in whats.items() if old else ():
        before, now = (old or {}).get(key) or [], spec.get(key) or []
        if policy == SINGLE and now == before:
            spec[key] = now[:1]
        elif policy != SINGLE and len(before) == 2 and now == before[:1]:
            rule = f"must be 'SingleStack' to release the secondary {what}"
            yield invalid_value(POLICY, policy, rule)


def _too_many(spec: Obj) -> Iterator[FieldError]:
    two = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    for key, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
        if spec["ipFamilyPolicy"] == SINGLE and len(spec.get(key) or []) == 2:
            yield invalid_value(POLICY, SINGLE, f"{two} {what} are specified")


def _inferred(spec: Obj, configured: Sequence[str]) -> Iterator[FieldError]:
    """Families that only the addresses tell."""
    families, given = list(spec.get("ipFamilies") or []), spec.get("clusterIPs") or []
    for i, ip in enumerate(given):
        if ip == HEADLESS or i < len(families):
            continue
        name = family_of(ip).name
        if name in configured:
            families.append(name)
        else:
            rule = f"{name} is not configured on this cluster"
            yield invalid_value(f"{IPS}[{i}]", go_strings(given), rule)
    if families:
        spec["ipFamilies"] = families


def _not_configured(spec: Obj, configured: Sequence[str]) -> Iterator[FieldError]:
    if spec["ipFamilyPolicy"] == REQUIRE and len(configured) < 2:
        rule = "this cluster is not configured for dual-stack services"
        yield invalid_value(POLICY, REQUIRE, rule)
    for i, family in enumerate(spec.get("ipFamilies") or []):
        if family not in configured:
            yield invalid_value(f"{FAMILIES}[{i}]", family, "not configured on this cluster")
