"""
The rights that each mode needs: one table, from which preflight asks and `npol doctor` prints.

Never in it: secrets, nodes, pods/ephemeralcontainers, impersonate, escalate, bind, wildcards.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from npol.kube.guard import CLUSTER_LEASE, STATE_NAMESPACE, Mode, protected
from npol.model.policy_kinds import OTHER_POLICY_KINDS, PolicyKind

NAME = "npol"
"""Of every Role, binding and account that is printed, and of the Lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RbacRule:
    """Verbs on some resources of one API group; `names` narrows them to objects."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def manifest(self) -> dict[str, Any]:
        """The rule as a Role spells it."""
        rule: dict[str, Any] = {"apiGroups": [self.group], "resources": list(self.resources)}
        if self.names:
            rule["resourceNames"] = list(self.names)
        return {**rule, "verbs": list(self.verbs)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One verb on one resource in one place: what an access review answers."""

    verb: str
    group: str
    resource: str
    """With its subresource: `pods/exec`."""
    namespace: str = ""
    """Empty for cluster-scoped resources."""
    name: str = ""

    def __str__(self) -> str:
        what = self.resource + (f".{self.group}" if self.group else "")
        named = f" {self.name}" if self.name else ""
        place = f"in namespace {self.namespace}" if self.namespace else "in the whole cluster"
        return f"{self.verb} {what}{named} {place}"


def covers(rule: Mapping[str, Any], right: Right) -> bool:
    """
    Whether a rule of RBAC grants a right, in the place that the rule holds for.

    Source: kubernetes/kubernetes pkg/apis/rbac/v1/evaluation_helpers.go.
    """
    _, _, subresource = right.resource.partition("/")
    resources = rule.get("resources") or ()
    named = right.resource in resources or (subresource and f"*/{subresource}" in resources)
    return (
        _holds(rule.get("verbs"), right.verb)
        and _holds(rule.get("apiGroups"), right.group)
        and ("*" in resources or bool(named))
        and (not rule.get("resourceNames") or right.name in rule["resourceNames"])
    )


def _holds(words: Collection[str] | None, word: str) -> bool:
    return words is not None and ("*" in words or word in words)


class Extra(enum.Enum):
    """What not every story does, and what needs rights of its own."""

    LABELS = "labels"  # changes labels of pods or namespaces
    LOGS = "logs"  # looks into logs of pods
    RESTART = "restart"  # evicts the pods of workloads
    SCALE = "scale"  # changes the replicas of workloads


Extras = Collection[Extra | PolicyKind]
"""A kind of policy: the story changes policies of it, and NetworkPolicies need none of this."""

CLUSTER = (RbacRule(group="", resources=("namespaces",), verbs=("get", "list")),)
"""Labels of namespaces decide what selectors select, so all of them are read."""

SYSTEM = "kube-system"
"""Read in every mode: the cluster's name server lives there, and most policy engines do."""

LIST = ("list",)
READING = (
    RbacRule(group="networking.k8s.io", resources=("networkpolicies",), verbs=LIST),
    RbacRule(group="", resources=("pods", "services"), verbs=LIST),
    RbacRule(group="discovery.k8s.io", resources=("endpointslices",), verbs=LIST),
    RbacRule(
        group="apps",
        resources=("deployments", "replicasets", "statefulsets", "daemonsets"),
        verbs=LIST,
    ),
)
_EXEC = RbacRule(group="", resources=("pods/exec",), verbs=("get", "create"))
"""A WebSocket's GET needs `get` before Kubernetes 1.35, then `create` (kubernetes#134577)."""


def _holding(lease: str) -> RbacRule:
    """To take, renew and give back a Lease of this name."""
    verbs = ("get", "update", "delete")
    return RbacRule(group="coordination.k8s.io", resources=("leases",), verbs=verbs, names=(lease,))


PROBING = (
    RbacRule(group="", resources=("events",), verbs=LIST),  # why a debug pod does not start
    RbacRule(group="policy", resources=("poddisruptionbudgets",), verbs=LIST),  # who counts one
    RbacRule(group="", resources=("pods",), verbs=("get", "create", "delete")),
    _EXEC,
    RbacRule(group="coordination.k8s.io", resources=("leases",), verbs=("create",)),
    _holding(NAME),
)
WRITING = (
    RbacRule(
        group="networking.k8s.io",
        resources=("networkpolicies",),
        verbs=("get", "create", "update", "delete"),
    ),
)
SELECTED_EVERYWHERE = (RbacRule(group="", resources=("pods",), verbs=LIST),)
"""Whom a policy of the whole cluster selects is known from all pods only."""
LOGGING = (RbacRule(group="", resources=("pods/log",), verbs=("get",)),)
LABELLING = (RbacRule(group="", resources=("pods",), verbs=("patch",)),)
RESTARTING = (
    RbacRule(group="apps", resources=("deployments", "statefulsets", "daemonsets"), verbs=("get",)),
    RbacRule(group="", resources=("pods/eviction",), verbs=("create",)),
)
SCALING = (
    RbacRule(group="apps", resources=("deployments", "statefulsets"), verbs=("get", "patch")),
    RbacRule(
        group="apps", resources=("deployments/scale", "statefulsets/scale"), verbs=("update",)
    ),
    RbacRule(group="autoscaling", resources=("horizontalpodautoscalers",), verbs=LIST),
)
"""
Patched are managedFields alone, so that whoever owned `replicas` owns them again; the scale
subresource takes none. Autoscalers are read because one would set the replicas anew.
"""
IN_APPLY = {Extra.LABELS: LABELLING, Extra.RESTART: RESTARTING, Extra.SCALE: SCALING}
CLUSTER_LABELLING = (RbacRule(group="", resources=("namespaces",), verbs=("patch",)),)
STATE = (
    RbacRule(
        group="", resources=("configmaps",), verbs=("get", "list", "create", "update", "delete")
    ),
)
"""The journal, in the state namespace only."""

CLUSTER_LOCK = (_holding(CLUSTER_LEASE),)
"""There, too, for policies of the whole cluster."""

READING_RECORDS = (
    RbacRule(group="", resources=("pods",), verbs=LIST),
    _EXEC,
)
"""Live flow records, from the pods of Cilium's agent. In no mode: they are as good as the node."""

BY_MODE = {
    Mode.READ_ONLY: READING,
    Mode.SMOKE: READING + PROBING,
    Mode.APPLY: READING + PROBING + WRITING,
}


def rules(mode: Mode, namespace: str, *, extras: Extras = ()) -> tuple[RbacRule, ...]:
    """What a mode needs in one namespace; only reading in a protected one."""
    logging = LOGGING if Extra.LOGS in extras and mode is not Mode.READ_ONLY else ()
    if protected(namespace):
        return READING + logging
    found = BY_MODE[mode] + logging + _policy_rules(mode, extras, namespaced=True)
    if mode is Mode.APPLY:
        found += tuple(rule for e, own in IN_APPLY.items() if e in extras for rule in own)
    if namespace == STATE_NAMESPACE and mode is not Mode.READ_ONLY:
        found += STATE
        found += CLUSTER_LOCK if _of_the_cluster(extras) else ()
    return found


def cluster_rules(mode: Mode, *, extras: Extras = ()) -> tuple[RbacRule, ...]:
    """What a mode needs of cluster-scoped objects."""
    labelling = CLUSTER_LABELLING if Extra.LABELS in extras and mode is Mode.APPLY else ()
    return CLUSTER + labelling + _policy_rules(mode, extras, namespaced=False)


def _of_the_cluster(extras: Extras) -> bool:
    return any(isinstance(e, PolicyKind) and not e.namespaced for e in extras)


def _policy_rules(mode: Mode, extras: Extras, *, namespaced: bool) -> tuple[RbacRule, ...]:
    """What a story needs for the other kinds of policy that it changes."""
    kinds = {e for e in extras if isinstance(e, PolicyKind) and e.namespaced is namespaced}
    verbs = ("list", "get", "create", "update", "delete") if mode is Mode.APPLY else LIST
    judged = mode is not Mode.READ_ONLY and bool(kinds)
    everywhere = SELECTED_EVERYWHERE if judged and not namespaced else ()
    return everywhere + tuple(
        RbacRule(group=kind.group, resources=(kind.plural,), verbs=verbs)
        for kind in sorted(kinds, key=lambda kind: (kind.group, kind.plural))
    )


def rights(mode: Mode, namespaces: Collection[str], *, extras: Extras = ()) -> Iterator[Right]:
    """Every single right of the table, for these namespaces."""
    for rule in cluster_rules(mode, extras=extras):
        yield from _singly(rule, "")
    for namespace in places(mode, namespaces):
        for rule in rules(mode, namespace, extras=extras):
            yield from _singly(rule, namespace)


def places(mode: Mode, namespaces: Collection[str]) -> list[str]:
    """The namespaces, the system's, and the state namespace for modes that keep a journal."""
    own = {STATE_NAMESPACE} if mode is not Mode.READ_ONLY else set()
    return sorted({*namespaces, SYSTEM, *own})


def _singly(rule: RbacRule, namespace: str) -> Iterator[Right]:
    for resource in rule.resources:
        for verb in rule.verbs:
            for name in rule.names or ("",):
                yield Right(
                    verb=verb, group=rule.group, resource=resource, namespace=namespace, name=name
                )


def manifests(
    mode: Mode,
    namespaces: Collection[str],
    *,
    extras: Extras = (),
    account: str = NAME,
    account_namespace: str = STATE_NAMESPACE,
) -> list[dict[str, Any]]:
    """
    What an administrator applies so that `account` may run this mode in these namespaces.

    The state namespace, a ServiceAccount, one ClusterRole and one Role for each namespace. What
    only reads may read policies of every kind: what it may not is unknown to it, and no fault.
    """
    extras = {*extras, *OTHER_POLICY_KINDS} if mode is Mode.READ_ONLY else extras
    subject = {"kind": "ServiceAccount", "name": account, "namespace": account_namespace}
    role = f"{NAME}-{mode.value}"
    found: list[dict[str, Any]] = [
        _object("v1", "Namespace", STATE_NAMESPACE),
        _object("v1", "ServiceAccount", account, account_namespace),
    ]
    found += _bound("ClusterRole", role, "", cluster_rules(mode, extras=extras), subject)
    for place in places(mode, namespaces):
        found += _bound("Role", role, place, rules(mode, place, extras=extras), subject)
    return found


def record_manifests(
    *, account: str = NAME, account_namespace: str = STATE_NAMESPACE
) -> list[dict[str, Any]]:
    """
    What `account` needs besides for live flow records, where the agents run in the system's
    namespace. RBAC cannot narrow it to their pods, whose names change.
    """
    subject = {"kind": "ServiceAccount", "name": account, "namespace": account_namespace}
    return _bound("Role", f"{NAME}-flow-records", SYSTEM, READING_RECORDS, subject)


def _bound(
    kind: str, name: str, namespace: str, granted: tuple[RbacRule, ...], subject: dict[str, str]
) -> list[dict[str, Any]]:
    api = "rbac.authorization.k8s.io"
    role = _object(f"{api}/v1", kind, name, namespace)
    binding = _object(f"{api}/v1", f"{kind}Binding", name, namespace)
    return [
        {**role, "rules": [rule.manifest() for rule in granted]},
        {
            **binding,
            "roleRef": {"apiGroup": api, "kind": kind, "name": name},
            "subjects": [subject],
        },
    ]


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
