"""
One policy in tiers as nftables rules: ClusterNetworkPolicy and the kinds before it.

Read for the lab alone, from the types of kubernetes-sigs/network-policy-api. Domain names fit
nothing here: the lab has no proxy that learns their addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from npol.api_rules import addresses
from npol_lab.families import IPV4, Family
from npol_lab.net.policy import Direction, NamedPort, Peers, name_of

Obj = dict[str, Any]
Action = Literal["accept", "deny", "pass"]

_SIDES: Mapping[Direction, tuple[str, str]] = {
    "ingress": ("from", "saddr"),
    "egress": ("to", "daddr"),
}
_ACTIONS: Mapping[str, Action] = {
    "Accept": "accept",
    "Allow": "accept",
    "Deny": "deny",
    "Pass": "pass",
}
ADMIN, BASELINE = "kube-admin", "kube-baseline"
"""The tiers, as Calico calls them."""
DENIES = "_deny_"
"""Part of what is shown of a packet that a rule denies."""
_TRANSPORTS = ("tcp", "udp", "sctp")


@dataclass(frozen=True, slots=True)
class TierLine:
    """What a packet must match, and what becomes of it then."""

    match: str
    action: Action


@dataclass(slots=True, kw_only=True)
class TierPolicy:
    """One policy, compiled for one family: independent of which pods and nodes there are."""

    name: str
    uid: str
    kind: str
    admin: bool
    """Whether it stands before NetworkPolicies, not behind them."""
    priority: int
    subject: Peers
    family: Family = IPV4
    lines: dict[Direction, tuple[TierLine, ...]] = field(default_factory=dict)
    peers: dict[str, Peers] = field(default_factory=dict)
    """By the names of their sets, which the lines refer to; so the next two."""
    ports: dict[str, NamedPort] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    """Selectors as JSON."""

    @property
    def tier(self) -> str:
        return ADMIN if self.admin else BASELINE

    @property
    def place(self) -> tuple[float, str]:
        """Where it stands in its tier: of two with one priority, any may come first."""
        return self.priority, f"{self.name}//{self.kind}"

    def log_name(self, direction: Direction, action: Action) -> str:
        """What is shown of a packet that one of its rules decides."""
        return name_of(f"tier_{direction}_{action}", self.uid)


def compile_tier_policy(kind: str, obj: Obj, family: Family = IPV4) -> TierPolicy:
    """
    Raises:
        ValueError: an address block that no API server lets in.
    """
    spec, metadata = obj["spec"], obj["metadata"]
    policy = TierPolicy(
        name=metadata["name"],
        uid=metadata["uid"],
        kind=kind,
        admin=spec.get("tier") == "Admin" or kind == "AdminNetworkPolicy",
        priority=spec.get("priority", 0),
        subject=_pods(spec["subject"]),
        family=family,
    )
    directions: tuple[Direction, ...] = ("ingress", "egress")
    for direction in directions:
        rules = spec.get(direction) or []
        policy.lines[direction] = tuple(
            line for rule in rules for line in _lines(rule, direction, policy)
        )
    return policy


def _pods(value: Obj) -> Peers:
    if "pods" in value:
        both = value["pods"]
        return Peers("", _text(both["namespaceSelector"]), _text(both["podSelector"]))
    return Peers("", _text(value["namespaces"]), _text({}))


def _lines(rule: Obj, direction: Direction, policy: TierPolicy) -> Iterator[TierLine]:
    side, end = _SIDES[direction]
    ports = rule.get("protocols") or rule.get("ports")
    services = [match for port in ports for match in _ports(port, policy)] if ports else [""]
    for peer in rule[side]:
        for place in _peer(peer, f"{policy.family.ip} {end}", policy):
            for service in services:
                yield TierLine(f"{place} {service}".strip(), _ACTIONS[rule["action"]])


def _peer(peer: Obj, end: str, policy: TierPolicy) -> Iterator[str]:
    if "networks" in peer:
        blocks = map(addresses.network, peer["networks"])
        own = [str(b) for b in blocks if b and b.version == policy.family.version]
        if own:
            yield f"{end} {{ {', '.join(own)} }}"
    elif "nodes" in peer:
        selector = _text(peer["nodes"])
        name = name_of("nodes", selector)
        policy.nodes[name] = selector
        yield f"{end} @{name}"
    elif "domainNames" not in peer:
        pods = _pods(peer)
        name = name_of("peers", [pods.namespace, pods.namespaces, pods.pods])
        policy.peers[name] = pods
        yield f"{end} @{name}"


def _ports(entry: Obj, policy: TierPolicy) -> Iterator[str]:
    """An entry of ClusterNetworkPolicy's `protocols`, or of `ports` in the kinds before it."""
    named = entry.get("destinationNamedPort") or entry.get("namedPort")
    if named:
        for protocol in _TRANSPORTS:
            name = name_of("port", [named, protocol])
            policy.ports[name] = NamedPort(named, protocol)
            yield f"{policy.family.ip} daddr . {protocol} dport @{name}"
        return
    old = entry.get("portNumber") or entry.get("portRange")
    if old:
        first, last = old.get("start", old.get("port")), old.get("end", old.get("port"))
        yield _span((old.get("protocol") or "TCP").lower(), first, last)
        return
    ((protocol, inner),) = entry.items()
    port = inner["destinationPort"]
    span = port.get("range") or {"start": port.get("number"), "end": port.get("number")}
    yield _span(protocol, span["start"], span["end"])


def _span(protocol: str, first: int, last: int) -> str:
    if protocol not in _TRANSPORTS:
        raise ValueError(f"protocol must be TCP, UDP or SCTP, got {protocol!r}")
    if not 1 <= first <= last <= 65535:
        raise ValueError(f"ports must be 1 to 65535, the first one first, got {first} to {last}")
    return f"{protocol} dport {first}" + (f"-{last}" if last != first else "")


def _text(selector: Obj) -> str:
    return json.dumps(selector, sort_keys=True)
