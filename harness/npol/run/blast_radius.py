"""
The blast radius of a story: the pods outside it that its policies would select. Pure.

A policy isolates whatever its selector selects, whether the story knows of it or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from npol import selectors
from npol.changes.dry_run.kubectl_commands import policies_of
from npol.cni.preflight import PreflightProblem
from npol.judge.targets import selected_pods
from npol.kube.guard import PROTECTED, STATE_NAMESPACE, protected
from npol.model.inventory import Inventory, Obj, is_debug_pod
from npol.model.story import Manifest, Peer, Story
from npol.selectors import Selector

DNS = {"kube-dns", "coredns"}
"""Values of the label `k8s-app` that the cluster's name server bears, wherever it runs."""
CRITICAL = "system-"
"""How the priority classes of what a cluster cannot do without begin."""
FEW = 3


def against(
    story: Story, inventory: Inventory, *, max_unlisted_pods: int
) -> list[PreflightProblem]:
    """
    What speaks against applying a story's policies here.

    Args:
        max_unlisted_pods: how many pods that the story does not name its policies may select.
    """
    named = set(_named(story, inventory))
    found: list[PreflightProblem] = []
    bystanders: dict[str, list[Manifest]] = {}
    for policy in policies_of(story):
        pods = list(_selected(policy, inventory))
        found += _in_a_place_of_the_system(policy)
        found += _cuts(policy, [p for p in pods if _name_server(p)], "the cluster's name server")
        strangers = [p for p in pods if _id(p) not in named and not _name_server(p)]
        found += _cuts(policy, [p for p in strangers if _critical(p)], "critical to the cluster")
        for pod in strangers:
            bystanders.setdefault(_id(pod), []).append(policy)
    if len(bystanders) > max_unlisted_pods:
        found.append(_too_many(bystanders, max_unlisted_pods))
    return found


def _in_a_place_of_the_system(policy: Manifest) -> Iterator[PreflightProblem]:
    if protected(policy.namespace) or policy.namespace == STATE_NAMESPACE:
        yield PreflightProblem(
            what=f"{_spell(policy)} is in a namespace whose policies are never changed",
            hint=f"the story must not write to {', '.join(PROTECTED)}, {STATE_NAMESPACE}",
        )


def _cuts(policy: Manifest, pods: list[Obj], what: str) -> Iterator[PreflightProblem]:
    if pods:
        yield PreflightProblem(
            what=f"{_spell(policy)} selects {_few(map(_id, pods))}: {what}",
            hint="narrow its podSelector",
        )


def _too_many(bystanders: dict[str, list[Manifest]], max_unlisted_pods: int) -> PreflightProblem:
    policies = {_spell(p): p for by in bystanders.values() for p in by}
    return PreflightProblem(
        what=f"{len(bystanders)} pod(s) that the story does not name, {_few(bystanders)}, would "
        f"be selected by {_few(policies)}; {max_unlisted_pods} is the most",
        hint=f"narrow the podSelector, or allow it: --max-unlisted-pods {len(bystanders)}",
    )


def _selected(policy: Manifest, inventory: Inventory) -> Iterator[Obj]:
    """The pods that a policy has an effect on: it has none on those in their node's network."""
    selector: Selector = (policy.body.get("spec") or {}).get("podSelector") or {}
    for pod in inventory.pods_of(policy.namespace):
        elsewhere = is_debug_pod(pod) or (pod.get("spec") or {}).get("hostNetwork")
        if not elsewhere and selectors.matches(selector, _labels(pod)):
            yield pod


def _named(story: Story, inventory: Inventory) -> Iterator[str]:
    """The pods of the story's peers and of its `given`."""
    for peer in story.peers.values():
        if peer.pod or peer.workload or peer.labels:
            yield from (f"{p.namespace}/{p.name}" for p in selected_pods(peer, inventory))
    wanted = [*_behind_services(story.peers.values(), inventory), *_templates(story.given)]
    for pod in inventory.pods:
        place = pod["metadata"].get("namespace", "")
        if any(place == n and selectors.matches(s, _labels(pod)) for n, s in wanted):
            yield _id(pod)
    yield from (f"{m.namespace}/{m.name}" for m in story.given if m.kind == "Pod")


def _behind_services(peers: Iterable[Peer], inventory: Inventory) -> Iterator[tuple[str, Selector]]:
    for peer in peers:
        for place, name in (
            (peer.namespace, peer.service),
            (peer.via_namespace, peer.via_service),
        ):
            service = inventory.service(place, name) if name else None
            if service and (labels := service["spec"].get("selector")):
                yield place, {"matchLabels": labels}


def _templates(given: Iterable[Manifest]) -> Iterator[tuple[str, Selector]]:
    for manifest in given:
        template = (manifest.body.get("spec") or {}).get("template") or {}
        if labels := (template.get("metadata") or {}).get("labels"):
            yield manifest.namespace, {"matchLabels": labels}


def _name_server(pod: Obj) -> bool:
    return _labels(pod).get("k8s-app") in DNS


def _critical(pod: Obj) -> bool:
    return str((pod.get("spec") or {}).get("priorityClassName", "")).startswith(CRITICAL)


def _labels(pod: Obj) -> selectors.Labels:
    return pod["metadata"].get("labels") or {}


def _id(pod: Obj) -> str:
    return f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"


def _spell(policy: Manifest) -> str:
    return f"NetworkPolicy {policy.namespace}/{policy.name} ({policy.at})"


def _few(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - FEW} more" if len(known) > FEW else ""
    return ", ".join(known[:FEW]) + more
