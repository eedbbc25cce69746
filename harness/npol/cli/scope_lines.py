"""What a command's answer is about: what was read, and what of it says nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import dns_service

FEW = 3
"""Names of one kind that a line has room for."""


def scope_lines(
    world: ClusterState, dialect: Dialect | None = SPEC, *, left_out: int = 0, unread: int = 0
) -> Iterator[str]:
    """
    One line of what was read; one more for each sort of thing that the answer knows nothing of.

    `dialect`: which kinds are evaluated hangs on it; None: all that npol knows. `left_out` counts
    the YAML that is no Kubernetes object, `unread` the files without YAML.
    """
    world = world.as_read(dialect) if dialect else world
    yield f"read {', '.join(_counts(world))}"
    for who, by_agent in (("the API server", False), ("Cilium's agent", True)):
        refused = [r for r in world.refused if r.by_agent is by_agent]
        if names := [f"{r.kind} {_named(r.namespace, r.name)}" for r in refused]:
            yield f"refused by {who}, so without effect: {_listed(names)}"
    if kinds := Counter(other.kind for other in world.others):
        counted = (f"{number} {kind}" for kind, number in sorted(kinds.items()))
        yield f"not evaluated: {', '.join(counted)}"
    if left_out:
        yield f"left out: {left_out} document(s) that are no Kubernetes objects"
    if unread:
        yield f"not read: {unread} file(s) that are no YAML and name no NetworkPolicy"


def _counts(world: ClusterState) -> Iterator[str]:
    """What was seen; the DNS that is taken for granted is not among it."""
    pods = [p for p in world.pods if p.workload or not p.promised]
    policies = [*world.every_policy, *world.refused]
    services = [s for s in world.services if s.at or s.every_address or s is not dns_service(world)]
    declared = [n for n in world.namespaces.values() if n.declared]
    yield _number(len(policies), "policy", "policies")
    yield _number(len(pods), "pod", "pods")
    yield _number(len(services), "Service", "Services")
    yield _number(len(declared), "namespace", "namespaces")


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _named(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - FEW} more" if len(every) > FEW else ""
    return ", ".join(every[:FEW]) + more
