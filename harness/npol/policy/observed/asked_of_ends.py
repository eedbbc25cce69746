"""What policies ask of the ends of a flow that records may not hold, beside NetworkPolicies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from npol.policy.objects.calico_labels import NAME, OF_ACCOUNT, OF_NAMESPACE
from npol.policy.objects.calico_selectors import keys_in
from npol.policy.objects.calico_types import ACCOUNT, CalicoPolicy
from npol.policy.objects.cilium_labels import NAMESPACE_LABELS, SERVICE_ACCOUNT, without_source
from npol.policy.objects.cilium_types import CiliumPolicy
from npol.policy.objects.entities import NAME_LABEL
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import TierPolicy
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import keys_of

PolicyOfAnyEnd = TierPolicy | CiliumPolicy | CalicoPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOfEnds:
    """What one policy asks. Which of its rules comes first may hang on any of them."""

    policy: PolicyOfAnyEnd
    labels_of_namespaces: bool = False
    """Beside the name, which every record tells."""
    labels_of_nodes: bool = False
    accounts: bool = False
    names_of_ports: bool = False

    def is_about(self, namespaces: Iterable[str]) -> bool:
        """Whether it may act on a pod in one of them."""
        return not self.policy.namespace or self.policy.namespace in namespaces


def asked_of_ends(state: ClusterState) -> Iterator[AskedOfEnds]:
    yield from map(_of_tiered, state.tier_policies)
    yield from map(_of_cilium, state.cilium_policies)
    yield from map(_of_calico, state.calico_policies)


def _of_tiered(policy: TierPolicy) -> AskedOfEnds:
    rules = (*policy.ingress, *policy.egress)
    peers = [peer for rule in rules for peer in rule.peers]
    subjects = [policy.subject, *(peer.pods for peer in peers if peer.pods)]
    return AskedOfEnds(
        policy=policy,
        labels_of_namespaces=any(set(keys_of(s.namespaces)) - {NAME_LABEL} for s in subjects),
        labels_of_nodes=any(peer.nodes for peer in peers),
        names_of_ports=any(port.name for rule in rules for port in rule.ports),
    )


def _of_cilium(policy: CiliumPolicy) -> AskedOfEnds:
    rules = [rule for direction in Direction for rule in policy.rules(direction)]
    selectors = [section.selector for section in policy.sections]
    selectors += [peer.endpoints for rule in rules for peer in rule.peers or () if peer.endpoints]
    keys = {without_source(key) for selector in selectors for key in keys_of(selector)}
    return AskedOfEnds(
        policy=policy,
        labels_of_namespaces=_any_beside_name(keys, NAMESPACE_LABELS, NAME_LABEL),
        accounts=SERVICE_ACCOUNT in keys,
        names_of_ports=any(isinstance(p.port, str) for rule in rules for p in rule.ports or ()),
    )


def _of_calico(policy: CalicoPolicy) -> AskedOfEnds:
    rules = [rule for direction in Direction for rule in policy.rules(direction)]
    ends = [end for rule in rules for end in (rule.source, rule.destination)]
    selectors = [policy.selector]
    selectors += [s for end in ends for s in (end.selector, end.but_not) if s is not None]
    keys = {key for selector in selectors for key in keys_in(selector)}
    return AskedOfEnds(
        policy=policy,
        labels_of_namespaces=_any_beside_name(keys, OF_NAMESPACE, NAME, NAME_LABEL),
        accounts=ACCOUNT in keys or any(key.startswith(OF_ACCOUNT) for key in keys),
        names_of_ports=any(end.ports.names or end.not_ports.names for end in ends),
    )


def _any_beside_name(keys: Iterable[str], prefix: str, *names: str) -> bool:
    """Whether a label of namespaces is asked for that is none of those with their name."""
    around = {key for key in keys if key.startswith(prefix)}
    return bool(around - {prefix + name for name in names})
