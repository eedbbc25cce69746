"""A cluster's state with the pods and namespaces that were seen in its traffic."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from npol.model.doubt import Doubt, DoubtCode
from npol.model.observed import EndKind, ObservedEnd, ObservedFlow
from npol.model.peer_selection import lasting
from npol.policy.objects.entities import (
    NAME_LABEL,
    End,
    ExternalEndpoint,
    Namespace,
    Node,
    Pod,
    Traffic,
)
from npol.policy.objects.netpol_types import Address
from npol.policy.observed.asked_of_ends import AskedOfEnds, asked_of_ends
from npol.policy.state.cluster_state import ClusterState

NOT_TOLD = "(its own)"
"""The node of a pod that is not known by name: what comes from there is left out of the records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedWorld:
    """
    `state` with every pod that was seen, by the labels that it was seen with.

    Records hold neither the names of a pod's ports, nor its service account, nor, all of them, a
    namespace's labels: where the state does not know them either, what hangs on them is not
    foretold.
    """

    state: ClusterState
    ends: Mapping[ObservedEnd, End]
    unseen: frozenset[tuple[str, str]]
    """Pods (namespace, name) of which nothing but the records tells."""
    asked: tuple[AskedOfEnds, ...] = ()
    """What the policies ask of ends, of those kinds of which any rule may decide."""

    def traffic(self, flow: ObservedFlow) -> Traffic | None:
        """A flow as packets; None where policies cannot be asked about it."""
        source, target = self.ends.get(flow.source), self.ends.get(flow.target)
        if source is None or target is None or flow.protocol is None:
            return None
        family = next((e.addresses[0].version for e in (target, source) if e.addresses), 4)
        return Traffic(
            source=source, target=target, port=flow.port, protocol=flow.protocol, family=family
        )

    def knows_labels(self, namespace: str) -> bool:
        return self.state.namespace(namespace).declared

    def knows_node(self, node: Node) -> bool:
        return any(known is node for known in self.state.nodes)

    def knows_template(self, pod: Pod) -> bool:
        """Whether the names of its ports and its service account are known."""
        return (pod.namespace, pod.name) not in self.unseen


def observed_world(state: ClusterState, flows: Iterable[ObservedFlow]) -> ObservedWorld:
    """What `state` says of pods it knows (by workload, name or labels) is kept."""
    seen = dict.fromkeys(end for flow in flows for end in (flow.source, flow.target))
    ends: dict[ObservedEnd, End] = {}
    unseen: set[tuple[str, str]] = set()
    taken: set[tuple[str, str]] = set()
    for end in seen:
        entity = _entity(state, end)
        if isinstance(entity, Pod):
            entity = _named_apart(entity, taken)
            if not _alike(state, end):
                unseen.add((entity.namespace, entity.name))
        if entity:
            ends[end] = entity
    pods = [e for e in ends.values() if isinstance(e, Pod)]
    spaces = {**_namespaces(seen), **state.namespaces}
    return ObservedWorld(
        state=replace(state.with_pods(pods), namespaces=spaces),
        ends=ends,
        unseen=frozenset(unseen),
        asked=tuple(asked_of_ends(state)),
    )


def why_not_asked(flow: ObservedFlow) -> Doubt:
    """Of a flow without packets."""
    if flow.protocol is None:
        return Doubt(DoubtCode.RECORDED_PROTOCOL)
    unknown = flow.source if flow.source.kind is EndKind.UNKNOWN else flow.target
    return Doubt(DoubtCode.RECORDED_END, str(unknown))


def _entity(state: ClusterState, end: ObservedEnd) -> End | None:
    addresses = _addresses(end.address)
    if end.kind is EndKind.POD:
        return _pod(state, end)
    if end.kind is EndKind.NODE:
        return _node(state, end, addresses)
    if end.kind is EndKind.OUTSIDE:
        return ExternalEndpoint(name=end.name, addresses=addresses)
    return next((o for a in addresses if (o := state.owner(a))), None)


def _pod(state: ClusterState, end: ObservedEnd) -> Pod:
    known = _alike(state, end)
    return Pod(
        namespace=end.namespace,
        name=end.name.rpartition("/")[2],
        labels=dict(end.labels),
        workload=end.name if "/" in end.name else "",
        ports=known.ports if known else (),
        service_account=known.service_account if known else "",
        node=(known.node if known else "") or NOT_TOLD,
    )


def _alike(state: ClusterState, end: ObservedEnd) -> Pod | None:
    """A pod of the state that stands for the same: of its workload, name or labels."""
    pods = state.pods_in(end.namespace)
    name, labels = end.name.rpartition("/")[2], dict(end.labels)
    named = (p for p in pods if name in (p.name, p.workload.rpartition("/")[2]))
    labelled = (p for p in pods if labels and lasting(p.labels).items() <= labels.items())
    return next(named, None) or next(labelled, None)


def _node(state: ClusterState, end: ObservedEnd, addresses: tuple[Address, ...]) -> End:
    known = (n for n in state.nodes if n.name == end.name or set(addresses) & set(n.addresses))
    return next(known, None) or Node(name=end.name, addresses=addresses)


def _named_apart(pod: Pod, taken: set[tuple[str, str]]) -> Pod:
    """Pods of one name with other labels (of a rollout) are two ends."""
    name, number = pod.name, 1
    while (pod.namespace, name) in taken:
        number += 1
        name = f"{pod.name}-{number}"
    taken.add((pod.namespace, name))
    return replace(pod, name=name)


def _namespaces(ends: Iterable[ObservedEnd]) -> dict[str, Namespace]:
    return {
        end.namespace: Namespace(
            name=end.namespace,
            labels={**dict(end.namespace_labels), NAME_LABEL: end.namespace},
        )
        for end in ends
        if end.namespace and end.namespace_labels
    }


def _addresses(text: str) -> tuple[Address, ...]:
    try:
        return (ipaddress.ip_address(text),) if text else ()
    except ValueError:
        return ()
