"""
One NetworkPolicy as nftables rules: networking.k8s.io/v1, read for the lab alone.

What an egress rule allows goes on to ARRIVE, where ingress is judged; what an ingress
rule allows is accepted.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from npol.api_rules import addresses
from npol_lab.families import IPV4, Family

Obj = dict[str, Any]
Labels = frozenset[tuple[str, str]]
Direction = Literal["ingress", "egress"]

ARRIVE = "arrive"
"""The chain that judges a packet's arrival."""
_PEERS: Mapping[Direction, str] = {"ingress": "from", "egress": "to"}
_FAR_END: Mapping[Direction, str] = {"ingress": "saddr", "egress": "daddr"}
ALLOWED: Mapping[Direction, str] = {"ingress": "accept", "egress": f"goto {ARRIVE}"}


def name_of(prefix: str, content: Any) -> str:
    """A name for what has this content, safe in nft whatever users wrote."""
    text = json.dumps(content, sort_keys=True)
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Peers:
    """A peer of a rule that selects pods; the texts are the selectors as JSON."""

    namespace: str
    """The only namespace looked at; empty where `namespaces` says which."""
    namespaces: str
    pods: str


@dataclass(frozen=True, slots=True)
class NamedPort:
    name: str
    protocol: str


@dataclass(slots=True)
class Policy:
    """One policy, compiled for one family: independent of which pods there are."""

    namespace: str
    selector: str
    name: str = ""
    uid: str = ""
    family: Family = IPV4
    chains: dict[Direction, str] = field(default_factory=dict)
    """The directions that it isolates, and the chain of each."""
    rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    peers: dict[str, Peers] = field(default_factory=dict)
    """By the names of their sets, which the rules refer to."""
    ports: dict[str, NamedPort] = field(default_factory=dict)


def compile_policy(obj: Obj, family: Family = IPV4) -> Policy:
    """
    Raises:
        ValueError: an address block or a protocol that no API server lets in.
    """
    spec = obj["spec"]
    metadata = obj["metadata"]
    policy = Policy(
        metadata["namespace"],
        _text(spec.get("podSelector") or {}),
        metadata.get("name", ""),
        metadata["uid"],
        family,
    )
    for direction in _directions(spec):
        lines = [
            line
            for rule in spec.get(direction) or []
            for line in _rule_lines(rule, direction, policy)
        ]
        chain = name_of(f"policy_{direction}", [policy.uid, lines])
        policy.chains[direction] = chain
        policy.rules[chain] = tuple(lines)
    return policy


def _directions(spec: Obj) -> list[Direction]:
    """The API server stores `policyTypes` in full; this is its default for data without."""
    stated = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    known: tuple[Direction, ...] = ("ingress", "egress")
    return [d for d in known if d.capitalize() in stated]


def _rule_lines(rule: Obj, direction: Direction, policy: Policy) -> Iterator[str]:
    """No peers, and no ports, mean all of them; each peer goes with each port."""
    peers = rule.get(_PEERS[direction])
    places = _peer_matches(peers, direction, policy) if peers else [""]
    ports = rule.get("ports")
    services = _port_matches(ports, policy) if ports else [""]
    for place in places:
        for service in services:
            yield " ".join(part for part in (place, service, ALLOWED[direction]) if part)


def _peer_matches(peers: Iterable[Obj], direction: Direction, policy: Policy) -> list[str]:
    end = f"{policy.family.ip} {_FAR_END[direction]}"
    found = []
    for peer in peers:
        if peer.get("ipBlock"):
            blocks = _blocks(peer["ipBlock"], policy.family)
            found += [f"{end} {{ {', '.join(blocks)} }}"] if blocks else []
            continue
        selected = _selected(peer, policy.namespace)
        name = name_of("peers", [selected.namespace, selected.namespaces, selected.pods])
        policy.peers[name] = selected
        found.append(f"{end} @{name}")
    return found


def _selected(peer: Obj, own_namespace: str) -> Peers:
    """Without a namespaceSelector, the policy's own namespace; without a podSelector, all pods."""
    pods = _text(peer.get("podSelector") or {})
    if peer.get("namespaceSelector") is None:
        return Peers(own_namespace, "", pods)
    return Peers("", _text(peer["namespaceSelector"]), pods)


def _blocks(block: Obj, family: Family) -> list[str]:
    """A block without its exceptions, as disjoint prefixes; none where it is of another family."""
    cidr = addresses.network(block["cidr"])
    if cidr is None or cidr.version != family.version:
        return []
    left: list[Any] = [cidr]
    for text in block.get("except") or []:
        hole = addresses.network(text)
        if hole is not None and hole.version == family.version:
            left = [piece for whole in left for piece in _without(whole, hole)]
    return [str(piece) for piece in ipaddress.collapse_addresses(left)]


def _without(whole: Any, hole: Any) -> Iterator[Any]:
    """Both are networks of one family."""
    if not whole.overlaps(hole):
        yield whole
    elif not whole.subnet_of(hole):
        yield from whole.address_exclude(hole)


def _port_matches(ports: Iterable[Obj], policy: Policy) -> list[str]:
    numbers: dict[str, list[tuple[int, int]]] = defaultdict(list)
    found = []
    for entry in ports:
        protocol = _protocol(entry.get("protocol") or "TCP")
        port = entry.get("port")
        if isinstance(port, str):
            name = name_of("port", [port, protocol])
            policy.ports[name] = NamedPort(port, protocol)
            found.append(f"{policy.family.ip} daddr . {protocol} dport @{name}")
        else:
            first = 0 if port is None else int(port)
            last = 65535 if port is None else int(entry.get("endPort") or port)
            numbers[protocol].append((first, last))
    return found + [f"{p} dport {{ {port_ranges(n)} }}" for p, n in numbers.items()]


def _protocol(name: str) -> str:
    if name not in ("TCP", "UDP", "SCTP"):
        raise ValueError(f"protocol must be TCP, UDP or SCTP, got {name!r}")
    return name.lower()


def port_ranges(ports: Iterable[tuple[int, int]]) -> str:
    """nft takes no overlapping ranges."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ports):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in merged)


def _text(selector: Obj) -> str:
    return json.dumps(selector, sort_keys=True)
