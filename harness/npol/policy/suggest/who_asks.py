"""Who could ask in a suggested story: debug pods in the likeness of workloads, and strangers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from npol.model.peer_selection import lasting
from npol.policy.matrix.matrix import takes_part
from npol.policy.objects.entities import NAME_LABEL, Pod
from npol.policy.objects.netpol_types import PeerClause, Policy
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.selected_pods import selected_pods
from npol.policy.suggest.who_answers import soon_over
from npol.selectors import Selector, matches

MOST = 3
"""Workloads that ask for one peer clause."""


@dataclass(frozen=True, slots=True)
class Askers:
    """`closed`: whether no pod may be made in a namespace, so that nothing asks from there."""

    world: ClusterState
    closed: Callable[[str], bool]

    def like(self, pods: Iterable[Pod]) -> list[Pod]:
        """
        A debug pod in the likeness of each workload among the pods, or its own pod.

        A Service that publishes what is not ready would send real traffic to a debug pod; where it
        means the pod of a Job, nothing asks in its place: its own pod has ended.
        """
        may = (p for p in pods if takes_part(p) and not self.closed(p.namespace))
        found = [(p, self._is_published(p)) for p in one_per_workload(may)]
        return [
            pod if published else debug_pod(pod.namespace, lasting(pod.labels))
            for pod, published in found
            if not (published and soon_over(pod))
        ]

    def _is_published(self, pod: Pod) -> bool:
        return any(service.publish_not_ready for service in self.world.services_of(pod))

    def of_peer(self, policy: Policy, peer: PeerClause) -> tuple[list[Pod], str]:
        """Who a peer clause lets in: its workloads, else one that fits; or why nobody can ask."""
        if peer.ip_block:
            return [], f"nothing is known to ask from {peer.ip_block}"
        seen = self.like(selected_pods(self.world, policy.namespace, peer))[:MOST]
        labels = fitting_labels(peer.pod_selector or {})
        if seen and not (peer.namespace_selector is not None and not labels):
            return seen, ""
        places = list(self._namespaces(policy, peer))
        if labels is None or not places:
            return seen, "" if seen else self._nowhere(policy, peer)
        taken = {p.namespace for p in seen}
        apart = next((n for n in places if n not in taken), "" if seen else places[0])
        return [*seen, *([debug_pod(apart, labels)] if apart else [])], ""

    def beside(self, namespace: str) -> list[Pod]:
        """A stranger in the namespace."""
        return [] if self.closed(namespace) else [debug_pod(namespace, {})]

    def elsewhere(self, namespace: str) -> list[Pod]:
        """A stranger in another namespace, if one is known."""
        other = self.another(namespace)
        return [debug_pod(other, {})] if other else []

    def another(self, namespace: str) -> str:
        """A namespace in which a stranger may ask: every cluster has `default`; "" for none."""
        known = sorted(n.name for n in self.world.all_namespaces if not self.closed(n.name))
        return next((name for name in (*known, "default") if name != namespace), "")

    def _namespaces(self, policy: Policy, peer: PeerClause) -> Iterator[str]:
        selector = peer.namespace_selector
        if selector is None:
            yield policy.namespace
            return
        chosen = [n.name for n in self.world.select_namespaces(selector)]
        yield from sorted(n for n in chosen if not self.closed(n))
        other = self.another(policy.namespace)
        if other and matches(selector, {NAME_LABEL: other}):
            yield other

    def _nowhere(self, policy: Policy, peer: PeerClause) -> str:
        chosen = [n.name for n in self.world.select_namespaces(peer.namespace_selector or {})]
        if peer.namespace_selector is not None and chosen:
            return f"npol starts no pods in {', '.join(sorted(chosen))}"
        if peer.namespace_selector is None and self.closed(policy.namespace):
            return f"npol starts no pods in {policy.namespace}"
        return "no namespace here is one of its namespaceSelector"


def debug_pod(namespace: str, labels: dict[str, str]) -> Pod:
    """A pod that only asks; it is none of those that it is like."""
    name = "-".join(["npol", *(f"{k}.{v}" for k, v in sorted(labels.items()))])
    return Pod(namespace=namespace, name=name, labels=labels, ready=False, promised=True)


def is_debug_pod(pod: Pod) -> bool:
    return not pod.ready and not pod.uid and not pod.workload


def one_per_workload(pods: Iterable[Pod]) -> list[Pod]:
    first: dict[str, Pod] = {}
    for pod in pods:
        first.setdefault(
            f"{pod.namespace} {pod.workload or sorted(lasting(pod.labels).items())}", pod
        )
    return list(first.values())


def fitting_labels(selector: Selector) -> dict[str, str] | None:
    """The least labels that a selector selects; None: there are none."""
    labels = dict(selector.get("matchLabels") or {})
    for expression in selector.get("matchExpressions") or []:
        if expression["operator"] in ("In", "Exists"):
            values: list[Any] = expression.get("values") or ["true"]
            labels.setdefault(expression["key"], str(values[0]))
    return labels if matches(selector, labels) else None
