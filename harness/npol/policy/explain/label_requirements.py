"""The labels that policies ask for, and who carries them."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.policy_document import LabelNeed
from npol.policy.explain.describe import workloads
from npol.policy.objects.netpol_types import Origin, PeerClause, Policy
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.selected_pods import namespaces_of, selected_pods
from npol.selectors import spell

Need = tuple[str | None, str, tuple[str, ...], str]
"""`pods_in`, labels, carriers, who needs it."""


def label_needs(world: ClusterState) -> tuple[LabelNeed, ...]:
    """Each selector once, namespaces first; a selector that nothing carries has no carriers."""
    found: dict[tuple[str | None, str], list[Need]] = {}
    for policy in world.policies:
        for need in _needs(world, policy):
            found.setdefault(need[:2], []).append(need)
    merged = (
        LabelNeed(
            pods_in=pods_in,
            labels=labels,
            carried_by=tuple(dict.fromkeys(c for n in needs for c in n[2])),
            needed_by=tuple(dict.fromkeys(n[3] for n in needs)),
        )
        for (pods_in, labels), needs in found.items()
    )
    return tuple(sorted(merged, key=lambda n: (n.pods_in is not None, n.pods_in or "", n.labels)))


def _needs(world: ClusterState, policy: Policy) -> Iterator[Need]:
    if policy.selector:
        chosen = tuple(workloads(world.select(policy.namespace, policy.selector)))
        yield policy.namespace, spell(policy.selector), chosen, _who(policy, policy.origin)
    for peer in (p for rule in policy.all_rules for p in rule.peers):
        yield from _of_peer(world, policy, peer)


def _of_peer(world: ClusterState, policy: Policy, peer: PeerClause) -> Iterator[Need]:
    who = _who(policy, peer.origin)
    chosen = [n.name for n in namespaces_of(world, peer, policy.namespace)]
    if peer.namespace_selector:
        yield None, spell(peer.namespace_selector), tuple(chosen), who
    if peer.pod_selector:
        carriers = tuple(workloads(list(selected_pods(world, policy.namespace, peer))))
        everywhere = peer.namespace_selector == {}
        place = "every namespace" if everywhere else ", ".join(chosen)
        yield place, spell(peer.pod_selector), carriers, who


def _who(policy: Policy, origin: Origin) -> str:
    return f"{policy} ({origin})"
