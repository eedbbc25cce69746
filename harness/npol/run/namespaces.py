"""Which namespaces a story speaks of, and in which of them something is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from npol.changes.dry_run.kubectl_commands import other_policies_of
from npol.changes.state.scale_history import scale_of
from npol.kube.objects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Resource,
    resource_for,
)
from npol.kube.rbac import Extra
from npol.model.change import Apply, Delete, Label, Manifest, Restart, Scale
from npol.model.policy_kinds import PolicyKind, policy_kind
from npol.model.story import Story
from npol.probe.source_peers import debug_pod_peers

WORKLOADS: Mapping[str, frozenset[Resource]] = {
    "deployment": frozenset({DEPLOYMENTS, REPLICA_SETS}),
    "statefulset": frozenset({STATEFUL_SETS}),
    "daemonset": frozenset({DAEMON_SETS}),
}
"""What is read of a workload that a check is about."""


def named_namespaces(story: Story) -> set[str]:
    """All namespaces that the story names: of its peers, checks, changes and `given`."""
    peers = {n for p in story.peers.values() for n in (p.namespace, p.via_namespace)}
    checks = {c.namespace for s in story.steps for c in s.checks}
    return {n for n in peers | checks | written_namespaces(story) if n}


def peer_places(story: Story) -> dict[str, str]:
    """Where the namespaces of peers are first named."""
    found: dict[str, str] = {}
    for peer in story.peers.values():
        for name in filter(None, (peer.namespace, peer.via_namespace)):
            found.setdefault(name, str(peer.at))
    return found


def written_namespaces(story: Story) -> set[str]:
    """Namespaces whose policies, labels or workloads the steps change."""
    found: set[str] = set()
    for change in story.changes:
        if isinstance(change, Apply | Delete):
            found |= namespaces_of(change.manifests)
        elif isinstance(change, Label):
            found.add(change.name if change.kind == "namespace" else change.namespace)
        elif isinstance(change, Restart | Scale):
            found.add(change.workload.namespace)
    return found


def changed_namespaces(story: Story, *, creates: bool) -> set[str]:
    """Namespaces in which something is written: policies, labels, pods (dry or not), `given`."""
    pods = {p.namespace for p in debug_pod_peers(story)}
    pods |= {c.namespace for s in story.steps for c in s.checks if c.kind == "admits"}
    given = namespaces_of(story.given) if creates else set()
    return {n for n in pods | given | written_namespaces(story) if n}


def extras_of(story: Story) -> set[Extra | PolicyKind]:
    """What the story does that needs rights which not every story needs."""
    does = {
        Extra.LABELS: any(isinstance(c, Label) for c in story.changes),
        Extra.LOGS: any(c.kind == "logs" for s in story.steps for c in s.checks),
        Extra.RESTART: any(isinstance(c, Restart) for c in story.changes),
        Extra.SCALE: any(isinstance(c, Scale) for c in story.changes),
    }
    kinds = (policy_kind(k.api_version, k.kind) for k in other_policies_of(story))
    return {
        *(extra for extra, needed in does.items() if needed),
        *(kind for kind in kinds if kind),
    }


def written_subresources(story: Story) -> list[str]:
    """What the steps write of objects that are otherwise not theirs, as the guard names it."""
    found = set()
    for change in story.changes:
        if isinstance(change, Restart):
            found.add("pods/eviction")
        elif isinstance(change, Scale):
            found.add(scale_of(resource_for("apps/v1", change.workload.kind)))
    return sorted(found)


def namespaces_of(manifests: Iterable[Manifest]) -> set[str]:
    """The namespaces that manifests are in, or are."""
    made = {m.name for m in manifests if m.kind == "Namespace"}
    return made | {m.namespace for m in manifests if m.namespace}


def workload_namespaces(story: Story) -> set[str]:
    """Where peers or checks speak of Deployments and the like, and not only of pods."""
    checks = (c for s in story.steps for c in s.checks)
    checked = {c.namespace for c in checks if c.subject.partition("/")[0] in WORKLOADS}
    return checked | {p.namespace for p in story.peers.values() if p.workload}


def workloads_of_peers(story: Story) -> set[Resource]:
    """What besides pods says which pods are of a peer's workload."""
    kinds = {p.workload.partition("/")[0] for p in story.peers.values()}
    return {REPLICA_SETS} if "deployment" in kinds else set()


def checked_workloads(story: Story) -> set[Resource]:
    """Kinds of workloads that state checks look at."""
    kinds = {c.subject.partition("/")[0] for s in story.steps for c in s.checks}
    return {resource for kind in kinds for resource in WORKLOADS.get(kind, ())}
