"""
What a policy says, as API servers store it: with the defaults that they fill in, and without
fields that say nothing.

Sources: kubernetes pkg/apis/networking/v1/defaults.go; projectcalico/calico
libcalico-go/lib/clientv3 and api/pkg/apis/projectcalico/v3, whose empty fields are not written;
kubernetes-sigs/network-policy-api apis/v1alpha1/shared_types.go; cilium/cilium
pkg/policy/api/icmp.go; antrea-io/antrea pkg/controller/networkpolicy/mutate.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from npol.model.inventory import Obj
from npol.model.policy_kinds import (
    ANTREA,
    CALICO_GROUPS,
    CILIUM,
    NETWORK_POLICY,
    POLICY_API,
    PolicyKind,
)
from npol.policy.objects.calico_types import DEFAULT_TIER
from npol.policy.parse.object_source import items, mapping

Spec = Mapping[str, Any]
Field = Callable[[str, Any], Any]
"""What a field is stored as; None where it says nothing."""

SECTIONS = ("spec", "specs")
"""Where policies say what they mean; `specs` is Cilium's."""
_EMPTY = ("matchLabels", "matchExpressions", "values", "except")
"""Fields that say nothing where they are empty. An empty selector or rule says something."""
_DIRECTIONS = {"ingress": "Ingress", "egress": "Egress"}


def stored(kind: PolicyKind, policy: Obj) -> dict[str, Any]:
    """The sections of a policy, or of what policies refer to: `spec`, and `specs` if it has any."""
    fill = _FILLS[kind.group]
    found: dict[str, Any] = {"spec": fill(kind, mapping(policy.get("spec")))}
    if several := items(policy.get("specs")):
        found["specs"] = [fill(kind, mapping(one)) for one in several]
    return found


def _network_policy(_: PolicyKind, spec: Spec) -> Spec:
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    plain: dict[str, Any] = {
        "podSelector": _fields(spec.get("podSelector") or {}, _plain),
        "policyTypes": sorted(types),
    }
    for section in _DIRECTIONS:
        if spec.get(section):
            plain[section] = [_rule(rule or {}) for rule in spec[section]]
    return plain


def _rule(rule: Spec) -> Spec:
    plain = {key: _value(value, _plain) for key, value in rule.items() if value}
    if "ports" in plain:
        plain["ports"] = [{"protocol": "TCP", **port} for port in plain["ports"]]
    return plain


def _calico(kind: PolicyKind, spec: Spec) -> Spec:
    said = _fields(spec, _of_calico)
    if kind.kind == "Tier":
        return {"defaultAction": "Deny", **said}
    if not kind.decides:
        return said
    given = [name for section, name in _DIRECTIONS.items() if said.get(section)]
    types = items(said.get("types")) or given or ["Ingress"]
    return {"tier": DEFAULT_TIER, **said, "types": sorted(map(str, types))}


def _of_calico(key: str, value: Any) -> Any:
    if value is False or value in ("", [], {}):
        return None
    if key in ("ports", "notPorts"):
        return [int(one) if str(one).isdecimal() else one for one in items(value)]
    return value


def _cilium(_: PolicyKind, spec: Spec) -> Spec:
    return _fields(spec, _of_cilium)


def _of_cilium(key: str, value: Any) -> Any:
    """`fields` are those of `icmps`."""
    if key == "fields":
        return [{"family": "IPv4", **mapping(one)} for one in items(value)]
    return _plain(key, value)


def _in_tiers(_: PolicyKind, spec: Spec) -> Spec:
    return _fields(spec, _of_tiers)


def _of_tiers(key: str, value: Any) -> Any:
    """The kinds before ClusterNetworkPolicy name a protocol beside each number."""
    if key in ("portNumber", "portRange"):
        return {"protocol": "TCP", **mapping(value)}
    return _plain(key, value)


def _antrea(_: PolicyKind, spec: Spec) -> Spec:
    return {"tier": "application", **_fields(spec, _of_antrea)}


def _of_antrea(key: str, value: Any) -> Any:
    """Rules without a name are given one, which decides nothing."""
    if key in _DIRECTIONS:
        return [{k: v for k, v in mapping(rule).items() if k != "name"} for rule in items(value)]
    return _plain(key, value)


def _plain(key: str, value: Any) -> Any:
    return None if key in _EMPTY and value in ([], {}) else value


def _fields(spec: Spec, stored_as: Field) -> dict[str, Any]:
    fields = {key: stored_as(key, _value(item, stored_as)) for key, item in spec.items()}
    return {key: item for key, item in fields.items() if item is not None}


def _value(value: Any, stored_as: Field) -> Any:
    if isinstance(value, list):
        return [_value(item, stored_as) for item in value]
    return _fields(value, stored_as) if isinstance(value, Mapping) else value


_FILLS: Mapping[str, Callable[[PolicyKind, Spec], Spec]] = {
    NETWORK_POLICY.group: _network_policy,
    **dict.fromkeys(CALICO_GROUPS, _calico),
    CILIUM: _cilium,
    POLICY_API: _in_tiers,
    ANTREA: _antrea,
}
