"""Policies of other kinds: they decide packets, too, beside or before NetworkPolicies."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from npol.cni.facts import served_groups
from npol.kube.api_client import Verbs
from npol.kube.api_errors import ApiError, Forbidden
from npol.kube.objects import Resource
from npol.model.inventory import Obj
from npol.model.policy_kinds import CALICO_GROUPS, OTHER_POLICY_KINDS, policy_kind
from npol.policy.parse.unsupported import unread_kind
from npol.policy.state.cluster_state import ClusterState

KINDS, MIRRORS = (
    tuple(
        Resource(k.group, k.version, k.plural, k.kind, k.namespaced)
        for k in OTHER_POLICY_KINDS
        if k.mirror is mirror
    )
    for mirror in (False, True)
)
KINDS_AT_ONCE = 16
"""Most of them are empty, so that it is the way that takes the time."""
_KEPT_IN = CALICO_GROUPS[1]
"""The group whose objects the mirrors show; where it is not served, they are all there is."""
SHADOWS = "knp.default."
"""Calico's own copies of Kubernetes policies, where it keeps its data in etcd or mirrors them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadKind:
    """A kind that may not be read, in a namespace or, where that is "", in the cluster."""

    kind: Resource
    namespace: str = ""

    def __str__(self) -> str:
        place = f" in {self.namespace}" if self.namespace else ""
        return f"{self.kind.qualified}{place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPolicies:
    """What was found, as `Kind namespace/name (API group)`, and what may not be read."""

    found: tuple[str, ...] = ()
    policies: tuple[Obj, ...] = ()
    """The same as objects."""
    unread: tuple[UnreadKind, ...] = ()


def foreign_policies(
    verbs: Verbs, namespaces: Collection[str], served: Collection[str] | None = None
) -> ForeignPolicies:
    """
    The policies of other kinds that may decide flows of these namespaces.

    Cluster-wide ones are all listed: which pods they select is theirs to say. `served`: the API
    groups that are, if they are known.

    Raises:
        ApiError, Unreachable: the API server does not answer, or not as one.
    """
    served = served_groups(verbs) if served is None else served
    kinds = KINDS if _KEPT_IN in served else (*KINDS, *MIRRORS)
    wanted = [
        (kind, namespace)
        for kind in kinds
        if kind.group in served
        for namespace in (sorted(namespaces) if kind.namespaced else ("",))
    ]
    with ThreadPoolExecutor(max_workers=KINDS_AT_ONCE) as pool:
        listed = [*pool.map(lambda one: _listed(verbs, *one), wanted)]
    found = [policy for policies in listed for policy in policies or ()]
    unread = [
        UnreadKind(kind=kind, namespace=namespace)
        for (kind, namespace), policies in zip(wanted, listed, strict=True)
        if policies is None
    ]
    return ForeignPolicies(
        found=tuple(_spell(p) for p in found if _decides(p)),
        policies=tuple(found),
        unread=tuple(unread),
    )


def unread_words(unread: Iterable[UnreadKind]) -> str:
    """What is said where these may decide flows that are foretold."""
    return f"may not be read, so what they may decide is unknown: {', '.join(map(str, unread))}"


def with_unread(world: ClusterState, unread: Iterable[UnreadKind]) -> ClusterState:
    """The world in which kinds that may not be read may decide any flow that they can be about."""
    hidden = [unread_kind(u.kind.kind, u.kind.group, u.namespace) for u in unread]
    return replace(world, others=(*world.others, *hidden)) if hidden else world


def _listed(verbs: Verbs, kind: Resource, namespace: str) -> list[Obj] | None:
    """None where they may not be read. Items of a list carry no kind of their own."""
    stamp = {"apiVersion": kind.api_version, "kind": kind.kind}
    try:
        listed = verbs.list(kind, namespace)
    except Forbidden:
        return None
    except ApiError as error:
        if error.status != 404:  # the group without this kind
            raise
        return []
    return [{**stamp, **o} for o in listed if not o["metadata"]["name"].startswith(SHADOWS)]


def _decides(policy: Obj) -> bool:
    """Tiers and sets of addresses do nothing by themselves."""
    kind = policy_kind(policy["apiVersion"], policy["kind"])
    return kind is None or kind.decides


def _spell(policy: Obj) -> str:
    meta, group = policy["metadata"], policy["apiVersion"].partition("/")[0]
    place = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{policy['kind']} {place}{meta['name']} ({group})"
