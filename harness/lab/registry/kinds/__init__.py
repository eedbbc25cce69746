"""What is particular to each kind: defaults, first status, validation, immutability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.lab.registry import custom, names
from harness.lab.registry.errors import Cause
from harness.lab.registry.kinds import core, networkpolicies, pod_defaults, services, workloads
from harness.lab.store import Obj


def _nothing(obj: Obj) -> None:
    """A kind without defaults."""


def _fine(obj: Obj) -> list[Cause]:
    return []


def _unchanged(new: Obj, old: Obj) -> None:
    """A kind whose updates bring everything themselves."""


def _allowed(new: Obj, old: Obj) -> list[Cause]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """The API server's word for what a kind adds to the common way of writing objects."""

    default: Callable[[Obj], None] = _nothing
    """Runs on every write, before validation."""
    prepare: Callable[[Obj], None] = _nothing
    """Runs on create, after the defaults: the first status, what derives from the uid."""
    prepare_update: Callable[[Obj, Obj], None] = _unchanged
    """(new, old): what a client left out that the server knows."""
    validate: Callable[[Obj], list[Cause]] = _fine
    validate_update: Callable[[Obj, Obj], list[Cause]] = _allowed
    """(new, old): what may not change."""
    name: Callable[[str], list[str]] = names.dns_subdomain


def _prepare_pod(pod: Obj) -> None:
    pod["status"] = {"phase": "Pending", "qosClass": pod_defaults.qos_class(pod["spec"])}


STRATEGIES: dict[str, Strategy] = {
    "namespaces": Strategy(
        default=core.default_namespace, prepare=core.prepare_namespace, name=names.dns_label
    ),
    "nodes": Strategy(default=core.default_node),
    "pods": Strategy(default=pod_defaults.default_pod, prepare=_prepare_pod),
    "services": Strategy(
        default=services.default_service,
        prepare=services.prepare_service,
        prepare_update=services.keep_allocations,
        name=names.dns1035_label,
    ),
    "endpoints": Strategy(default=core.default_endpoints),
    "endpointslices.discovery.k8s.io": Strategy(default=core.default_endpointslice),
    "secrets": Strategy(default=core.default_secret),
    "persistentvolumeclaims": Strategy(prepare=core.prepare_claim),
    "deployments.apps": Strategy(default=workloads.default_deployment),
    "replicasets.apps": Strategy(default=workloads.default_replicaset),
    "statefulsets.apps": Strategy(default=workloads.default_statefulset),
    "daemonsets.apps": Strategy(default=workloads.default_daemonset),
    "jobs.batch": Strategy(default=workloads.default_job, prepare=workloads.prepare_job),
    "cronjobs.batch": Strategy(default=workloads.default_cronjob),
    "horizontalpodautoscalers.autoscaling": Strategy(default=workloads.default_autoscaler),
    "networkpolicies.networking.k8s.io": Strategy(default=networkpolicies.default_networkpolicy),
    "rolebindings.rbac.authorization.k8s.io": Strategy(
        default=core.default_binding, name=names.path_segment
    ),
    "clusterrolebindings.rbac.authorization.k8s.io": Strategy(
        default=core.default_binding, name=names.path_segment
    ),
    "roles.rbac.authorization.k8s.io": Strategy(name=names.path_segment),
    "clusterroles.rbac.authorization.k8s.io": Strategy(name=names.path_segment),
    "storageclasses.storage.k8s.io": Strategy(default=core.default_storageclass),
    "priorityclasses.scheduling.k8s.io": Strategy(default=core.default_priorityclass),
    custom.DEFINITIONS: Strategy(
        default=custom.default_definition, validate=custom.check_definition
    ),
}
PLAIN = Strategy()


def strategy_of(resource: str) -> Strategy:
    return STRATEGIES.get(resource, PLAIN)
