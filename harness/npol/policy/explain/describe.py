"""A policy in words: what it says, and which pods and peers that are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from npol.model.causes import Cause
from npol.model.sentence import Sentence
from npol.policy.explain.mismatch import namespaces_of, selected_pods
from npol.policy.objects.dialects import ENGINES, SPEC, Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy, Rule
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import spell

SHOWN = 3
"""How many names a list spells out."""

OWN_NODE = (
    "a pod's own node always reaches it: the kubelet's probes go on, and the pods stay Ready "
    "under any policy"
)
"""types.go: ingress is allowed if "the traffic source is the pod's local node"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A policy's sentences, and the same as data."""

    policy: str
    lines: tuple[Cause, ...]
    selects: tuple[str, ...]
    """The pods that it selects now, `namespace/name`."""
    directions: tuple[str, ...]
    """The effective policyTypes."""
    notes: tuple[str, ...] = ()
    """What it does not do, although people expect it to."""


def explain_policy(
    world: ClusterState, policy: Policy, dialect: Dialect = SPEC, *, counted: bool = True
) -> Described:
    """
    What a policy says, and what that means in this world.

    `counted`: how many pods it selects now; without, a page stays true when a workload scales.
    """
    chosen = world.select(policy.namespace, policy.selector)
    return Described(
        policy=str(policy),
        lines=tuple(_lines(world, policy, dialect, chosen, counted)),
        selects=tuple(map(str, chosen)),
        directions=tuple(d.value for d in Direction if d in dialect.read(policy).directions),
        notes=(OWN_NODE,) if Direction.INGRESS in policy.directions else (),
    )


def _lines(
    world: ClusterState, policy: Policy, dialect: Dialect, chosen: Sequence[Pod], counted: bool
) -> Iterator[Cause]:
    who = "every pod" if not policy.selector else f"the pods with {spell(policy.selector)}"
    text = f"{policy} selects {who} in namespace {policy.namespace}: {_now(chosen, counted)}"
    yield Cause(what=Sentence(text), at=policy.origin.at)
    for direction in Direction:
        yield from _direction(world, dialect.read(policy), direction, counted)
        if direction not in policy.directions and (rules := policy.written(direction)):
            yield Cause(what=Sentence(_not_stated(direction, dialect)), at=rules[0].origin.at)


def _not_stated(direction: Direction, dialect: Dialect) -> str:
    text = f"  its policyTypes do not name {direction.value}, although it has rules for it: "
    if dialect.rules_outrank_types:
        return f"{text}{dialect.name} goes by the rules"
    others = ", ".join(e.name for e in ENGINES if e.rules_outrank_types)
    return f"{text}they do nothing (on {others} they isolate)"


def _direction(
    world: ClusterState, policy: Policy, direction: Direction, counted: bool
) -> Iterator[Cause]:
    if direction not in policy.directions:
        yield Cause(
            what=Sentence(f"it leaves their {direction.field} as it is"), at=policy.origin.at
        )
        return
    rules = policy.rules(direction)
    if not rules:
        text = f"it isolates them for {direction.field}, and allows none"
        yield Cause(what=Sentence(text), at=policy.origin.at)
        return
    text = f"it isolates them for {direction.field}, but for {_count(len(rules), 'rule')}:"
    yield Cause(what=Sentence(text), at=policy.origin.at)
    for rule in rules:
        yield Cause(
            what=Sentence(f"  {_spell_rule(world, policy, rule, counted)}"), at=rule.origin.at
        )


def _spell_rule(world: ClusterState, policy: Policy, rule: Rule, counted: bool) -> str:
    """One rule in words, with what its peers select now."""
    word = rule.direction.peers_field
    peers = [_spell_peer(world, policy, peer, counted) for peer in rule.peers]
    ports = [str(port) for port in rule.ports]
    whom = " or ".join(peers) if peers else "anywhere, outside the cluster included"
    what = f"on {', '.join(ports)}" if ports else "on every port"
    return f"{word} {whom}, {what}"


def _spell_peer(world: ClusterState, policy: Policy, peer: PeerClause, counted: bool) -> str:
    if peer.ip_block is not None:
        return f"the addresses {peer.ip_block}"
    who = f"pods with {spell(peer.pod_selector)}" if peer.pod_selector else "every pod"
    pods = list(selected_pods(world, policy.namespace, peer))
    return f"{who} in {_spell_place(world, policy, peer)} ({_now(pods, counted)})"


def _spell_place(world: ClusterState, policy: Policy, peer: PeerClause) -> str:
    if peer.namespace_selector is None:
        return f"namespace {policy.namespace}, its own"
    if not peer.namespace_selector:
        return "every namespace"
    found = _names(n.name for n in namespaces_of(world, peer, policy.namespace))
    return f"namespaces with {spell(peer.namespace_selector)}: {found or 'none now'}"


def _now(pods: Sequence[Pod], counted: bool) -> str:
    if not pods:
        return "no pod now"
    names = _names(workloads(pods))
    return f"{_count(len(pods), 'pod')} now, {names}" if counted else names


def workloads(pods: Iterable[Pod]) -> list[str]:
    """What made these pods, each once: `deployment/backend`, `pod/stranger`."""
    return list(dict.fromkeys(p.workload or f"pod/{p.name}" for p in pods))


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
