"""
NetworkPolicies as nftables chains: networking.k8s.io/v1, read for the lab alone.

A pod that no policy selects for a direction is not mentioned. For one that is, its
address leads (by a verdict map) to a chain that tries all its policies and ends with
`drop`. What an egress rule allows goes on to ARRIVE, where ingress is judged; what
an ingress rule allows is accepted.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.lab.net.nft import Chain, Ruleset, Set
from harness.lab.net.pods import Pod
from harness.selectors import matches

Obj = dict[str, Any]
Labels = frozenset[tuple[str, str]]
Direction = Literal["ingress", "egress"]

ARRIVE = "arrive"
"""The chain that judges a packet's arrival."""
_PEERS: Mapping[Direction, str] = {"ingress": "from", "egress": "to"}
_FAR_END: Mapping[Direction, str] = {"ingress": "saddr", "egress": "daddr"}
_ALLOWED: Mapping[Direction, str] = {"ingress": "accept", "egress": f"goto {ARRIVE}"}


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

    @property
    def set_name(self) -> str:
        return name_of("peers", [self.namespace, self.namespaces, self.pods])


@dataclass(frozen=True, slots=True)
class NamedPort:
    name: str
    protocol: str

    @property
    def set_name(self) -> str:
        return name_of("port", [self.name, self.protocol])


@dataclass(slots=True)
class Policy:
    """One policy, compiled: independent of which pods there are."""

    namespace: str
    selector: str
    chains: dict[Direction, str] = field(default_factory=dict)
    """The directions that it isolates, and the chain of each."""
    rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    peers: set[Peers] = field(default_factory=set)
    ports: set[NamedPort] = field(default_factory=set)


def compile_policy(obj: Obj) -> Policy:
    """
    Raises:
        ValueError: an address block or a protocol that no API server lets in.
    """
    spec = obj["spec"]
    policy = Policy(obj["metadata"]["namespace"], _text(spec.get("podSelector") or {}))
    for direction in _directions(spec):
        lines = [
            line
            for rule in spec.get(direction) or []
            for line in _rule_lines(rule, direction, policy)
        ]
        chain = name_of(f"policy_{direction}", [obj["metadata"]["uid"], lines])
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
            yield " ".join(part for part in (place, service, _ALLOWED[direction]) if part)


def _peer_matches(peers: Iterable[Obj], direction: Direction, policy: Policy) -> list[str]:
    end = f"ip {_FAR_END[direction]}"
    found = []
    for peer in peers:
        if peer.get("ipBlock"):
            blocks = _blocks(peer["ipBlock"])
            found += [f"{end} {{ {', '.join(blocks)} }}"] if blocks else []
            continue
        selected = _selected(peer, policy.namespace)
        policy.peers.add(selected)
        found.append(f"{end} @{selected.set_name}")
    return found


def _selected(peer: Obj, own_namespace: str) -> Peers:
    """Without a namespaceSelector, the policy's own namespace; without a podSelector, all pods."""
    pods = _text(peer.get("podSelector") or {})
    if peer.get("namespaceSelector") is None:
        return Peers(own_namespace, "", pods)
    return Peers("", _text(peer["namespaceSelector"]), pods)


def _blocks(block: Obj) -> list[str]:
    """The addresses of a block without its exceptions, as disjoint IPv4 prefixes."""
    cidr = ipaddress.ip_network(block["cidr"], strict=False)
    if not isinstance(cidr, ipaddress.IPv4Network):
        return []  # no pod of the lab has an IPv6 address
    left = [cidr]
    for text in block.get("except") or []:
        hole = ipaddress.IPv4Network(text, strict=False)
        left = [piece for whole in left for piece in _without(whole, hole)]
    return [str(piece) for piece in ipaddress.collapse_addresses(left)]


def _without(
    whole: ipaddress.IPv4Network, hole: ipaddress.IPv4Network
) -> Iterator[ipaddress.IPv4Network]:
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
            named = NamedPort(port, protocol)
            policy.ports.add(named)
            found.append(f"ip daddr . {protocol} dport @{named.set_name}")
        else:
            first = 0 if port is None else int(port)
            last = 65535 if port is None else int(entry.get("endPort") or port)
            numbers[protocol].append((first, last))
    return found + [f"{p} dport {{ {_ranges(n)} }}" for p, n in numbers.items()]


def _protocol(name: str) -> str:
    if name not in ("TCP", "UDP", "SCTP"):
        raise ValueError(f"protocol must be TCP, UDP or SCTP, got {name!r}")
    return name.lower()


def _ranges(ports: list[tuple[int, int]]) -> str:
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


class Selection:
    """Which labels a selector selects, remembered: many pods carry the same labels."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Labels], bool] = {}

    def __call__(self, selector: str, labels: Labels) -> bool:
        key = (selector, labels)
        if key not in self._known:
            self._known[key] = matches(json.loads(selector), dict(labels))
        return self._known[key]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that decides what the policies mean right now."""

    policies: tuple[Policy, ...]
    pods: tuple[Pod, ...]
    namespaces: Mapping[str, Labels]
    selects: Selection


def rules_for(node: str, world: World) -> Ruleset:
    """The verdict maps `ingress` and `egress` for the node's pods, and all that they lead to."""
    ruleset = Ruleset()
    used: dict[int, Policy] = {}
    for direction in _PEERS:
        verdicts: dict[str, str] = {}
        for pod in (p for p in world.pods if p.node == node):
            selecting = [p for p in world.policies if _applies(p, pod, direction, world)]
            if selecting:
                used |= {id(p): p for p in selecting}
                verdicts[pod.ip] = f"goto {_isolation(direction, selecting, ruleset)}"
        ruleset.sets[direction] = Set("ipv4_addr : verdict", verdicts)
    for policy in used.values():
        _add(policy, world, ruleset)
    return ruleset


def _applies(policy: Policy, pod: Pod, direction: Direction, world: World) -> bool:
    return (
        direction in policy.chains
        and policy.namespace == pod.namespace
        and world.selects(policy.selector, pod.labels)
    )


def _isolation(direction: Direction, policies: list[Policy], ruleset: Ruleset) -> str:
    """The chain of all pods with these policies: what none of them allows is dropped."""
    chains = sorted(p.chains[direction] for p in policies)
    name = name_of(f"isolated_{direction}", chains)
    ruleset.chains[name] = Chain((*(f"jump {c}" for c in chains), "drop"))
    return name


def _add(policy: Policy, world: World, ruleset: Ruleset) -> None:
    ruleset.chains |= {name: Chain(rules) for name, rules in policy.rules.items()}
    for peers in policy.peers:
        if peers.set_name not in ruleset.sets:
            ruleset.sets[peers.set_name] = Set("ipv4_addr", _members(peers, world))
    for port in policy.ports:
        if port.set_name not in ruleset.sets:
            ruleset.sets[port.set_name] = Set("ipv4_addr . inet_service", _holders(port, world))


def _members(peers: Peers, world: World) -> dict[str, str]:
    if peers.namespace:
        chosen = {peers.namespace}
    else:
        chosen = {
            name
            for name, labels in world.namespaces.items()
            if world.selects(peers.namespaces, labels)
        }
    return {
        pod.ip: ""
        for pod in world.pods
        if pod.namespace in chosen and world.selects(peers.pods, pod.labels)
    }


def _holders(port: NamedPort, world: World) -> dict[str, str]:
    """Address and number of every pod that has a port of this name: it may differ by pod."""
    return {
        f"{pod.ip} . {number}": ""
        for pod in world.pods
        for name, protocol, number in pod.ports
        if name == port.name and protocol.lower() == port.protocol
    }
