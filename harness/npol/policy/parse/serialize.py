"""A policy as the API server takes it: the opposite of `parse_policies`."""

from __future__ import annotations

from typing import Any

from npol.policy.objects.netpol_types import Direction, PeerClause, Policy, PortClause, Rule


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
