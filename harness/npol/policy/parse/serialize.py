"""A policy as the API server takes it: the opposite of what `parse_...` does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.cilium_types import CiliumPolicy, CiliumSection
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy, PortClause, Rule
from npol.policy.objects.tier_types import TierPolicy, TierRule
from npol.policy.parse.parse_calico_rules import WORDS
from npol.policy.parse.parse_tiers import HIGHEST_PRIORITY, action_words


def spec_of(policy: Policy) -> dict[str, Any]:
    """The `spec` that reads as this policy, its policyTypes always spelled out."""
    spec: dict[str, Any] = {
        "podSelector": dict(policy.selector),
        "policyTypes": [d.value for d in Direction if d in policy.directions],
    }
    for direction, rules in (
        (Direction.INGRESS, policy.ingress),
        (Direction.EGRESS, policy.egress),
    ):
        if rules:
            spec[direction.field] = [_rule(rule) for rule in rules]
    return spec


def tier_spec_of(policy: TierPolicy, written: Mapping[str, Any]) -> dict[str, Any]:
    """
    The `spec` of a policy in a tier that was changed in its order, rules or their actions.

    `written`: the `spec` that it was read from; what its rules fit is taken over as it stands.
    """
    spec = {k: v for k, v in written.items() if k not in {d.field for d in Direction}}
    if policy.kind in HIGHEST_PRIORITY:
        spec["priority"] = policy.priority
    for direction in Direction:
        if rules := policy.rules(direction):
            known = written[direction.field]
            spec[direction.field] = [_tier_rule(policy.kind, rule, known) for rule in rules]
    return spec


def _tier_rule(kind: str, rule: TierRule, written: list[Any]) -> dict[str, Any]:
    """`written`: the rules of its direction in the manifest; `spec.egress[2]` is the third."""
    number = int(rule.origin.path.rpartition("[")[2].rstrip("]"))
    return {**written[number], "action": action_words(kind)[rule.action]}


def calico_body_of(policy: CalicoPolicy, written: Mapping[str, Any]) -> dict[str, Any]:
    """The object of a policy that was read from another: its rules are those that it keeps."""
    spec = dict(written.get("spec") or {})
    for direction in Direction:
        spec[direction.field] = [
            {**_at(written, rule.origin.path), "action": WORDS[rule.action]}
            for rule in policy.written(direction)
        ]
    spec["types"] = [d.value for d in Direction if d in policy.directions]
    order = {} if policy.order == math.inf else {"order": policy.order}
    return {**written, "spec": {**spec, **order}}


def cilium_body_of(policy: CiliumPolicy, written: Mapping[str, Any]) -> dict[str, Any]:
    """
    One of Cilium's policies that was changed in its rules, in what they do or about which ports.

    `written`: the object that it was read from; what its rules fit is taken over as it stands.
    """
    body = {key: value for key, value in written.items() if key not in ("spec", "specs")}
    specs = [_cilium_section(section, written) for section in policy.sections]
    if len(specs) == 1:
        return {**body, "spec": specs[0]}
    return {**body, "specs": specs}


def _cilium_section(section: CiliumSection, written: Mapping[str, Any]) -> dict[str, Any]:
    asked = {rule.direction for rule in section.rules}
    fields = {d.field + end for d in Direction for end in ("", "Deny")}
    known = _at(written, section.origin.path)
    spec: dict[str, Any] = {k: v for k, v in known.items() if k not in fields}
    spec["enableDefaultDeny"] = {d.field: d in section.isolates for d in Direction if d in asked}
    for rule in section.rules:
        field = rule.direction.field + ("Deny" if rule.denies else "")
        entry = {
            key: value
            for key, value in _at(written, rule.origin.path).items()
            if rule.ports is not None or key not in ("toPorts", "icmps")
        }
        spec.setdefault(field, []).append(entry)
    return spec


def _at(written: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """What stands at `specs[1].ingress[0]`."""
    found: Any = written
    for part in path.replace("[", ".").replace("]", "").split("."):
        found = found[int(part)] if part.isdecimal() else found[part]
    return dict(found)


def _rule(rule: Rule) -> dict[str, Any]:
    written = {
        rule.direction.peers_field: [_peer(p) for p in rule.peers],
        "ports": [_port(p) for p in rule.ports],
    }
    return {field: entries for field, entries in written.items() if entries}


def _peer(peer: PeerClause) -> dict[str, Any]:
    if block := peer.ip_block:
        less = {"except": [str(e) for e in block.excepts]} if block.excepts else {}
        return {"ipBlock": {"cidr": str(block.cidr), **less}}
    selectors = {"podSelector": peer.pod_selector, "namespaceSelector": peer.namespace_selector}
    return {field: dict(s) for field, s in selectors.items() if s is not None}


def _port(port: PortClause) -> dict[str, Any]:
    written = {"protocol": port.protocol.name, "port": port.port, "endPort": port.end_port}
    return {field: value for field, value in written.items() if value is not None}
