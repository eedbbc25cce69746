"""
The blast radius of a story: the pods outside it that its policies would select. Pure.

A policy isolates whatever its selector selects, whether the story knows of it or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from npol.changes.dry_run.kubectl_commands import policies_of
from npol.changes.state.snapshot import key_of
from npol.cni.preflight_request import PreflightProblem
from npol.kube.guard import PROTECTED, STATE_NAMESPACE, protected
from npol.model.change import Manifest
from npol.model.policy_kinds import policy_kind
from npol.model.story import Peer, Story
from npol.policy.evaluate.calico_match import acts_on as selects_endpoint
from npol.policy.evaluate.calico_match import may_act_in as may_select_in
from npol.policy.evaluate.cilium_layer import acts_on, may_act_in
from npol.policy.evaluate.tier_match import selects
from npol.policy.objects.entities import Namespace, Pod
from npol.policy.parse.parse_calico import calico_policy_of
from npol.policy.parse.parse_cilium import cilium_policy_of
from npol.policy.parse.parse_tiers import subject_of
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.peer_pods import pods_of
from npol.policy.state.service_backends import backends_of
from npol.selectors import Labels, Selector

DNS = {"kube-dns", "coredns"}
"""Values of the label `k8s-app` that the cluster's name server bears, wherever it runs."""
CRITICAL = "system-"
"""How the priority classes of what a cluster cannot do without begin."""
FEW = 3


def against(story: Story, state: ClusterState, *, max_unlisted_pods: int) -> list[PreflightProblem]:
    """
    What speaks against applying a story's policies here.

    Args:
        max_unlisted_pods: how many pods that the story does not name its policies may select.
    """
    named = set(_named(story, state))
    found: list[PreflightProblem] = []
    bystanders: dict[str, list[Manifest]] = {}
    for policy in policies_of(story):
        pods = list(_selected(policy, state))
        found += _in_a_place_of_the_system(policy)
        found += _of_places_of_the_system(policy, state)
        found += _of_nodes(policy)
        servers = [p for p in pods if p.labels.get("k8s-app") in DNS]
        found += _cuts(policy, servers, "the cluster's name server")
        strangers = [p for p in pods if str(p) not in named and p not in servers]
        critical = [p for p in strangers if p.priority_class.startswith(CRITICAL)]
        found += _cuts(policy, critical, "critical to the cluster")
        for pod in strangers:
            bystanders.setdefault(str(pod), []).append(policy)
    if len(bystanders) > max_unlisted_pods:
        found.append(_too_many(bystanders, max_unlisted_pods))
    return found


def _in_a_place_of_the_system(policy: Manifest) -> Iterator[PreflightProblem]:
    if protected(policy.namespace) or policy.namespace == STATE_NAMESPACE:
        yield PreflightProblem(
            what=f"{_spell(policy)} is in a namespace whose policies are never changed",
            hint=f"the story must not write to {', '.join(PROTECTED)}, {STATE_NAMESPACE}",
        )


def _of_places_of_the_system(policy: Manifest, state: ClusterState) -> Iterator[PreflightProblem]:
    """A policy of the whole cluster must leave out the namespaces that npol never changes."""
    if policy.namespace or key_of(policy.body).is_network_policy:
        return
    chosen = (n.name for n in _namespaces(policy, state))
    if names := sorted(n for n in chosen if protected(n) or n == STATE_NAMESPACE):
        yield PreflightProblem(
            what=f"{_spell(policy)} selects namespaces that are never changed: {_few(names)}",
            hint="leave them out: namespaceSelector with matchExpressions, key "
            "kubernetes.io/metadata.name, operator NotIn",
        )


def _namespaces(policy: Manifest, state: ClusterState) -> Iterable[Namespace]:
    """Those whose pods a policy of the whole cluster may select."""
    if (subject := subject_of(policy)) is not None:
        return state.select_namespaces(subject.namespaces)
    if own := cilium_policy_of(policy):
        return (n for n in state.all_namespaces if may_act_in(own, n))
    if calico := calico_policy_of(policy):
        return (n for n in state.all_namespaces if may_select_in(calico, n))
    return () if _selects_nothing(policy) else state.all_namespaces


def _selects_nothing(manifest: Manifest) -> bool:
    """Whether it is what policies refer to, and no policy."""
    kind = policy_kind(str(manifest.body.get("apiVersion") or ""), manifest.kind)
    return kind is not None and not kind.decides


def _of_nodes(policy: Manifest) -> Iterator[PreflightProblem]:
    own = cilium_policy_of(policy)
    if own and any(section.nodes for section in own.sections):
        yield PreflightProblem(
            what=f"{_spell(policy)} selects nodes, which the cluster itself lives on",
            hint="a story's policies select pods: endpointSelector",
        )


def _cuts(policy: Manifest, pods: list[Pod], what: str) -> Iterator[PreflightProblem]:
    if pods:
        yield PreflightProblem(
            what=f"{_spell(policy)} selects {_few(map(str, pods))}: {what}",
            hint="narrow its podSelector",
        )


def _too_many(bystanders: dict[str, list[Manifest]], max_unlisted_pods: int) -> PreflightProblem:
    policies = {_spell(p): p for by in bystanders.values() for p in by}
    return PreflightProblem(
        what=f"{len(bystanders)} pod(s) that the story does not name, {_few(bystanders)}, would "
        f"be selected by {_few(policies)}; {max_unlisted_pods} is the most",
        hint=f"narrow the podSelector, or allow it: --max-unlisted-pods {len(bystanders)}",
    )


def _selected(policy: Manifest, state: ClusterState) -> Iterator[Pod]:
    """The pods that a policy has an effect on: it has none on those in their node's network."""
    if (subject := subject_of(policy)) is not None:
        yield from (p for p in state.pods if p.may_be_named and selects(state, subject, p))
        return
    if own := cilium_policy_of(policy):
        every = state.pods_in(policy.namespace) if policy.namespace else state.pods
        yield from (p for p in every if p.may_be_named and acts_on(state, own, p))
        return
    if calico := calico_policy_of(policy):
        every = state.pods_in(policy.namespace) if policy.namespace else state.pods
        chosen = (p for p in every if p.may_be_named)
        yield from (p for p in chosen if selects_endpoint(state, calico, p) is not False)
        return
    if _selects_nothing(policy):
        return
    if not key_of(policy.body).is_network_policy:  # it may select any
        every = state.pods_in(policy.namespace) if policy.namespace else state.pods
        yield from (p for p in every if p.may_be_named and not p.host_network)
        return
    selector: Selector = (policy.body.get("spec") or {}).get("podSelector") or {}
    for pod in state.select(policy.namespace, selector):
        if pod.may_be_named and not pod.host_network:
            yield pod


def _named(story: Story, state: ClusterState) -> Iterator[str]:
    """The pods of the story's peers and of its `given`."""
    for peer in story.peers.values():
        yield from map(str, _of_peer(peer, state))
    for namespace, labels in _templates(story.given):
        yield from map(str, state.select(namespace, {"matchLabels": labels}))
    yield from (f"{m.namespace}/{m.name}" for m in story.given if m.kind == "Pod")


def _of_peer(peer: Peer, state: ClusterState) -> Iterator[Pod]:
    """The pods that a peer names, and those behind its Services, ready or not."""
    if peer.pod or peer.workload or peer.labels:
        yield from pods_of(state, peer)
    named = ((peer.namespace, peer.service), (peer.via_namespace, peer.via_service))
    for service in (state.service(*place) for place in named):
        if service:
            yield from backends_of(state, service)


def _templates(given: Iterable[Manifest]) -> Iterator[tuple[str, Labels]]:
    for manifest in given:
        template = (manifest.body.get("spec") or {}).get("template") or {}
        if labels := (template.get("metadata") or {}).get("labels"):
            yield manifest.namespace, labels


def _spell(policy: Manifest) -> str:
    place = f"{policy.namespace}/" if policy.namespace else ""
    return f"{policy.kind} {place}{policy.name} ({policy.at})"


def _few(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - FEW} more" if len(known) > FEW else ""
    return ", ".join(known[:FEW]) + more
