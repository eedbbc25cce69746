"""What a policy says, in words: the one place that makes them of a `PolicyLine`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from npol.model.described_policy import (
    DescribedAction,
    DescribedDirection,
    DescribedEnd,
    DescribedPeer,
    DescribedRule,
    DescribedStanding,
    DescribedSubject,
    EndSort,
    PolicyLine,
    SelectedPods,
    UnstatedDirection,
)

SHOWN = 3
"""How many names a list spells out."""

OWN_NODE = (
    "a pod's own node always reaches it: the kubelet's probes go on, and the pods stay Ready "
    "under any policy"
)
"""types.go: ingress is allowed if "the traffic source is the pod's local node"."""


def line_words(line: PolicyLine) -> str:
    what = line.what
    match what:
        case DescribedSubject():
            who = f"the pods with {what.selector}" if what.selector else "every pod"
            now = _now(what.pods)
            return f"{what.policy} selects {who} in namespace {what.namespace}: {now}"
        case DescribedDirection():
            return _direction(what)
        case DescribedRule():
            return _rule(what)
        case UnstatedDirection():
            return _unstated(what)
        case DescribedStanding():
            return _standing(what)
        case DescribedAction():
            return _action(what)


def _standing(told: DescribedStanding) -> str:
    stands = f" stands in tier {told.tier} ({told.rank}) and" if told.tier else ""
    return f"{told.policy}{stands} selects {_now(told.pods)}"


def _action(told: DescribedAction) -> str:
    parts = (f"{end.word} {_ENDS[end.sort](end)}" for end in told.ends)
    ends = (" and " if told.together else " or ").join(parts) or "anybody"
    what = f"on {', '.join(told.ports)}" if told.ports else "on every port"
    return f"{told.direction}: {told.action} {ends}, {what}"


def _pods(end: DescribedEnd) -> str:
    who = f"pods with {end.spelled}" if end.spelled else "every pod"
    return (
        f"{who} in {f'namespaces with {end.namespaces}' if end.namespaces else 'every namespace'}"
    )


_ENDS: Mapping[EndSort, Callable[[DescribedEnd], str]] = {
    EndSort.PODS: _pods,
    EndSort.SELECTOR: lambda end: f"what {end.spelled or 'every selector'} selects",
    EndSort.NOT_SELECTOR: lambda end: f"what {end.spelled} does not select",
    EndSort.NODES: lambda end: f"nodes with {end.spelled}" if end.spelled else "every node",
    EndSort.ADDRESSES: lambda end: f"the addresses {end.spelled}",
    EndSort.NOT_ADDRESSES: lambda end: f"addresses but {end.spelled}",
    EndSort.NAMES: lambda end: f"the names {end.spelled}",
    EndSort.ENTITY: lambda end: f"the entity {end.spelled}",
    EndSort.GROUP: lambda end: f"the CIDR groups {end.spelled}",
    EndSort.SERVICE: lambda end: f"Service {end.spelled}",
    EndSort.NOBODY: lambda _: "nobody",
}


def _direction(told: DescribedDirection) -> str:
    if told.rules is None:
        return f"it leaves their {told.direction} as it is"
    isolates = f"it isolates them for {told.direction}"
    if not told.rules:
        return f"{isolates}, and allows none"
    return f"{isolates}, but for {_count(told.rules, 'rule')}:"


def _rule(rule: DescribedRule) -> str:
    """With what its peers select now."""
    whom = " or ".join(map(_peer, rule.peers)) or "anywhere, outside the cluster included"
    what = f"on {', '.join(rule.ports)}" if rule.ports else "on every port"
    return f"{rule.word} {whom}, {what}"


def _peer(peer: DescribedPeer | str) -> str:
    if isinstance(peer, str):
        return f"the addresses {peer}"
    who = f"pods with {peer.selector}" if peer.selector else "every pod"
    return f"{who} in {_place(peer)} ({_now(peer.pods)})"


def _place(peer: DescribedPeer) -> str:
    if peer.namespace_selector is None:
        return f"namespace {peer.namespaces[0]}, its own"
    if not peer.namespace_selector:
        return "every namespace"
    return f"namespaces with {peer.namespace_selector}: {_names(peer.namespaces) or 'none now'}"


def _unstated(told: UnstatedDirection) -> str:
    text = f"its policyTypes do not name {told.direction}, although it has rules for it: "
    if told.engine:
        return f"{text}{told.engine} goes by the rules"
    return f"{text}they do nothing (on {', '.join(told.others)} they isolate)"


def _now(pods: SelectedPods) -> str:
    if not pods.workloads:
        return "no pod now"
    names = _names(pods.workloads)
    return names if pods.count is None else f"{_count(pods.count, 'pod')} now, {names}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
