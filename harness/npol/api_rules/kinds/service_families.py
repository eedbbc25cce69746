"""
What Services may say of their IP families, whatever families the cluster has.

Source: kubernetes `pkg/apis/core/validation/validation.go`, ValidateServiceClusterIPsRelatedFields
and what it says of upgrades and downgrades.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from npol.api_rules import addresses, name_validation
from npol.api_rules.field_errors import (
    FieldError,
    Raw,
    duplicate,
    go_strings,
    invalid_value,
    required,
    unsupported,
)
from npol.api_rules.kinds.services import HEADLESS
from npol.api_rules.objects import Obj

FAMILY_NAMES = ("IPv4", "IPv6")
SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
POLICIES = (PREFER, REQUIRE, SINGLE)
POLICY, FAMILIES, IPS = "spec.ipFamilyPolicy", "spec.ipFamilies", "spec.clusterIPs"


def check_families(spec: Obj) -> list[FieldError]:
    """What is wrong whatever the cluster has."""
    if spec.get("type") == "ExternalName":
        return []
    wrong = [*_first_ip(spec), *_listed(spec)]
    given = spec.get("clusterIPs") or []
    invalid = list(_ips(given))
    wrong += invalid
    if len(given) > 2:
        wrong.append(invalid_value(IPS, go_strings(given), "may only hold up to 2 values"))
    if not invalid:
        wrong += _pairs(given, spec.get("ipFamilies") or [])
    return wrong


def _first_ip(spec: Obj) -> Iterator[FieldError]:
    first, given = spec.get("clusterIP"), spec.get("clusterIPs") or []
    if first and not given:
        yield required(IPS)
    elif first and given[0] != first:
        yield invalid_value(IPS, go_strings(given), "first value must match `clusterIP`")
    elif given and not first:
        yield invalid_value(
            IPS, go_strings(given), "must be empty when `clusterIP` is not specified"
        )


def _listed(spec: Obj) -> Iterator[FieldError]:
    seen: set[str] = set()
    for i, family in enumerate(spec.get("ipFamilies") or []):
        if family not in FAMILY_NAMES:
            yield unsupported(f"{FAMILIES}[{i}]", family, FAMILY_NAMES)
        if family in seen:
            yield duplicate(f"{FAMILIES}[{i}]", family)
        seen.add(family)
    policy = spec.get("ipFamilyPolicy", SINGLE)
    if policy not in POLICIES:
        yield unsupported(POLICY, policy, POLICIES)


def _ips(given: Sequence[str]) -> Iterator[FieldError]:
    if given and given[0] == HEADLESS:
        if len(given) > 1:
            yield invalid_value(IPS, go_strings(given), "'None' must be the first and only value")
        return
    for i, text in enumerate(given):
        if addresses.address(text) is None:
            yield invalid_value(f"{IPS}[{i}]", text, name_validation.IP)


def _pairs(given: Sequence[str], families: Sequence[str]) -> Iterator[FieldError]:
    if len(given) > 1 and len({":" in ip for ip in given}) < len(given):
        rule = "may specify no more than one IP for each IP family"
        yield invalid_value(IPS, go_strings(given), rule)
    for i, (ip, family) in enumerate(zip(given, families, strict=False)):
        if ip != HEADLESS and family != ("IPv6" if ":" in ip else "IPv4"):
            rule = f"expected an {family} value as indicated by `ipFamilies[{i}]`"
            yield invalid_value(f"{IPS}[{i}]", ip, rule)


def check_family_update(new: Obj, old: Obj) -> list[FieldError]:
    """What of a Service's addresses and families may not change; `new` and `old` are specs."""
    headless = [spec.get("clusterIP") == HEADLESS for spec in (new, old)]
    if all(headless):
        return []
    wrong = list(_changed_ips(new, old))
    return wrong if any(headless) else [*wrong, *_changed_families(new, old)]


def _changed_ips(new: Obj, old: Obj) -> Iterator[FieldError]:
    after, before = new.get("clusterIPs") or [], old.get("clusterIPs") or []
    for i, (now, then) in enumerate(zip(after, before, strict=False)):
        if now != then:
            yield invalid_value(f"{IPS}[{i}]", go_strings(after), "may not change once set")
    if before and not after:
        yield invalid_value(f"{IPS}[0]", go_strings(after), "primary clusterIP can not be unset")
    yield from _released_silently(new, before, after, "clusterIP")


def _changed_families(new: Obj, old: Obj) -> Iterator[FieldError]:
    after, before = new.get("ipFamilies") or [], old.get("ipFamilies") or []
    value = Raw("[]core.IPFamily{" + ", ".join(json.dumps(name) for name in after) + "}")
    for now, then in zip(after, before, strict=False):
        if now != then:
            yield invalid_value(f"{FAMILIES}[0]", value, "may not change once set")
    yield from _released_silently(new, before, after, "ipFamily")


def _released_silently(
    new: Obj, before: Sequence[str], after: Sequence[str], what: str
) -> Iterator[FieldError]:
    policy = new.get("ipFamilyPolicy")
    if (len(before), len(after)) == (2, 1) and policy != SINGLE:
        rule = f"must be set to 'SingleStack' when releasing the secondary {what}"
        yield invalid_value(POLICY, policy, rule)
