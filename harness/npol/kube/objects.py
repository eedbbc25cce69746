"""Names of things in the API: resources and references to objects. Objects are raw JSON dicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from npol.errors import InputError

Object = dict[str, Any]
"""One object as the API server spells it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object, as the API's paths and RBAC name it."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`networkpolicies.networking.k8s.io`; `pods` for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """
        The URL path; names are quoted, so that none of them can add a segment.

        A namespaced resource without a namespace means all namespaces.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)


@dataclass(frozen=True, slots=True)
class Ref:
    """Where one object lives."""

    resource: Resource
    namespace: str
    """Empty for cluster-scoped resources."""
    name: str

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace, self.name)

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.resource.kind} {place}{self.name}"


def _table() -> dict[tuple[str, str], Resource]:
    rows = """
        v1 Namespace namespaces cluster
        v1 Node nodes cluster
        v1 PersistentVolume persistentvolumes cluster
        v1 Pod pods
        v1 Service services
        v1 Endpoints endpoints
        v1 ConfigMap configmaps
        v1 Secret secrets
        v1 ServiceAccount serviceaccounts
        v1 Event events
        v1 LimitRange limitranges
        v1 ResourceQuota resourcequotas
        v1 ReplicationController replicationcontrollers
        v1 PersistentVolumeClaim persistentvolumeclaims
        apps/v1 Deployment deployments
        apps/v1 ReplicaSet replicasets
        apps/v1 StatefulSet statefulsets
        apps/v1 DaemonSet daemonsets
        batch/v1 Job jobs
        batch/v1 CronJob cronjobs
        autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers
        policy/v1 PodDisruptionBudget poddisruptionbudgets
        networking.k8s.io/v1 NetworkPolicy networkpolicies
        networking.k8s.io/v1 Ingress ingresses
        networking.k8s.io/v1 IngressClass ingressclasses cluster
        discovery.k8s.io/v1 EndpointSlice endpointslices
        coordination.k8s.io/v1 Lease leases
        rbac.authorization.k8s.io/v1 Role roles
        rbac.authorization.k8s.io/v1 RoleBinding rolebindings
        rbac.authorization.k8s.io/v1 ClusterRole clusterroles cluster
        rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings cluster
        authorization.k8s.io/v1 SelfSubjectAccessReview selfsubjectaccessreviews cluster
        authorization.k8s.io/v1 SelfSubjectRulesReview selfsubjectrulesreviews cluster
        apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions cluster
        scheduling.k8s.io/v1 PriorityClass priorityclasses cluster
        storage.k8s.io/v1 StorageClass storageclasses cluster
    """
    table = {}
    for row in rows.strip().splitlines():
        api_version, kind, plural, *scope = row.split()
        group, _, version = api_version.rpartition("/")
        table[api_version, kind] = Resource(group, version, plural, kind, not scope)
    return table


BUILT_IN = _table()
"""(apiVersion, kind) -> resource, for the kinds that every cluster serves."""

NAMESPACES = BUILT_IN["v1", "Namespace"]
NODES = BUILT_IN["v1", "Node"]
PODS = BUILT_IN["v1", "Pod"]
SERVICES = BUILT_IN["v1", "Service"]
CONFIG_MAPS = BUILT_IN["v1", "ConfigMap"]
CLAIMS = BUILT_IN["v1", "PersistentVolumeClaim"]
EVENTS = BUILT_IN["v1", "Event"]
DEPLOYMENTS = BUILT_IN["apps/v1", "Deployment"]
REPLICA_SETS = BUILT_IN["apps/v1", "ReplicaSet"]
STATEFUL_SETS = BUILT_IN["apps/v1", "StatefulSet"]
DAEMON_SETS = BUILT_IN["apps/v1", "DaemonSet"]
AUTOSCALERS = BUILT_IN["autoscaling/v2", "HorizontalPodAutoscaler"]
DISRUPTION_BUDGETS = BUILT_IN["policy/v1", "PodDisruptionBudget"]
NETWORK_POLICIES = BUILT_IN["networking.k8s.io/v1", "NetworkPolicy"]
JOBS = BUILT_IN["batch/v1", "Job"]
CRON_JOBS = BUILT_IN["batch/v1", "CronJob"]
ENDPOINT_SLICES = BUILT_IN["discovery.k8s.io/v1", "EndpointSlice"]
LEASES = BUILT_IN["coordination.k8s.io/v1", "Lease"]
ACCESS_REVIEWS = BUILT_IN["authorization.k8s.io/v1", "SelfSubjectAccessReview"]
RULES_REVIEWS = BUILT_IN["authorization.k8s.io/v1", "SelfSubjectRulesReview"]

Discover = Callable[[str, str], Resource | None]
"""(apiVersion, kind) -> the resource, asked of the server."""


def resource_for(api_version: str, kind: str, discover: Discover | None = None) -> Resource:
    """
    The resource of a kind: from the table of built-ins, else by discovery.

    Raises:
        InputError: neither knows it.
    """
    found = BUILT_IN.get((api_version, kind))
    if found is None and discover is not None:
        found = discover(api_version, kind)
    if found is None:
        raise InputError(
            f"the cluster serves no kind {kind or '(none)'} in {api_version or '(none)'}",
            hint="check apiVersion and kind; is its CustomResourceDefinition installed?",
        )
    return found


def ref_of(obj: Mapping[str, Any], discover: Discover | None = None) -> Ref:
    """
    Where an object lives, by its own apiVersion, kind and metadata.

    Raises:
        InputError: the kind is unknown, or name or namespace is missing.
    """
    resource = resource_for(str(obj.get("apiVersion", "")), str(obj.get("kind", "")), discover)
    metadata = obj.get("metadata") or {}
    name, namespace = str(metadata.get("name", "")), str(metadata.get("namespace", ""))
    if not name:
        raise InputError(f"a {resource.kind} has no metadata.name")
    if resource.namespaced and not namespace:
        raise InputError(f"{resource.kind} {name} has no metadata.namespace")
    return Ref(resource, namespace if resource.namespaced else "", name)


def resource_named(word: str) -> Resource:
    """
    The built-in resource that a person calls `deployment`, `Deployment` or `deployments`.

    Raises:
        InputError: no such built-in.
    """
    known = {r.kind.lower(): r for r in BUILT_IN.values()}
    known |= {r.plural: r for r in BUILT_IN.values()}
    found = known.get(word.lower())
    if found is None:
        raise InputError(f"kind {word!r} is not one that can be looked up by its name alone")
    return found
