"""What is particular to each kind: defaults, first status, validation, immutability."""

from __future__ import annotations

from npol.api_rules import name_validation
from npol.api_rules.kinds import (
    admission_kinds,
    core,
    core_checks,
    definitions,
    endpoint_checks,
    ephemeral_checks,
    flow_control,
    ingresses,
    networkpolicies,
    pod_checks,
    pod_defaults,
    service_checks,
    services,
    storage_kinds,
    workload_checks,
    workloads,
)
from npol.api_rules.kinds.strategy import PLAIN, Strategy
from npol.api_rules.objects import Obj

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_FLOWS = "flowcontrol.apiserver.k8s.io"


def _prepare_pod(pod: Obj) -> None:
    pod["status"] = {"phase": "Pending", "qosClass": pod_defaults.qos_class(pod["spec"])}


_BINDING = Strategy(
    default=core.default_binding,
    validate=core_checks.check_binding,
    validate_update=core_checks.check_binding_update,
    name=name_validation.path_segment,
)
_ROLE = Strategy(
    prepare=core.prepare_clusterrole,
    validate=core_checks.check_role,
    name=name_validation.path_segment,
)

STRATEGIES: dict[str, Strategy] = {
    "namespaces": Strategy(
        default=core.default_namespace,
        prepare=core.prepare_namespace,
        validate=core_checks.check_namespace,
        name=name_validation.dns_label,
    ),
    "nodes": Strategy(default=core.default_node),
    "pods": Strategy(
        default=pod_defaults.default_pod,
        prepare=_prepare_pod,
        validate=pod_checks.check_pod,
        validate_create=ephemeral_checks.check_no_ephemeral,
        validate_update=pod_checks.check_pod_update,
    ),
    "services": Strategy(
        default=services.default_service,
        prepare=services.prepare_service,
        prepare_update=services.keep_allocations,
        validate=service_checks.check_service,
        validate_update=service_checks.check_service_update,
        name=name_validation.dns1035_label,
    ),
    "endpoints": Strategy(default=core.default_endpoints, validate=endpoint_checks.check_endpoints),
    "endpointslices.discovery.k8s.io": Strategy(
        default=core.default_endpointslice, validate=endpoint_checks.check_endpointslice
    ),
    "configmaps": Strategy(
        validate=core_checks.check_configmap, validate_update=core_checks.check_immutable_data
    ),
    "secrets": Strategy(
        default=core.default_secret,
        validate=core_checks.check_secret,
        validate_update=core_checks.check_secret_update,
    ),
    "persistentvolumeclaims": Strategy(
        default=storage_kinds.default_claim,
        prepare=storage_kinds.prepare_claim,
        validate=storage_kinds.check_claim,
    ),
    "persistentvolumes": Strategy(
        default=storage_kinds.default_volume,
        prepare=storage_kinds.prepare_volume,
        validate=storage_kinds.check_volume,
    ),
    "podtemplates": Strategy(default=workloads.default_podtemplate),
    "replicationcontrollers": Strategy(default=workloads.default_replicationcontroller),
    "deployments.apps": Strategy(
        default=workloads.default_deployment,
        validate=workload_checks.check_deployment,
        validate_update=workload_checks.check_selector_kept,
    ),
    "replicasets.apps": Strategy(
        default=workloads.default_replicaset,
        validate=workload_checks.check_replicated,
        validate_update=workload_checks.check_selector_kept,
    ),
    "statefulsets.apps": Strategy(
        default=workloads.default_statefulset,
        validate=workload_checks.check_statefulset,
        validate_update=workload_checks.check_selector_kept,
    ),
    "daemonsets.apps": Strategy(
        default=workloads.default_daemonset,
        validate=workload_checks.check_replicated,
        validate_update=workload_checks.check_selector_kept,
    ),
    "jobs.batch": Strategy(
        default=workloads.default_job,
        prepare=workloads.prepare_job,
        validate=workload_checks.check_job,
        validate_update=workload_checks.check_job_update,
    ),
    "cronjobs.batch": Strategy(default=workloads.default_cronjob),
    "horizontalpodautoscalers.autoscaling": Strategy(default=workloads.default_autoscaler),
    "networkpolicies.networking.k8s.io": Strategy(
        default=networkpolicies.default_networkpolicy,
        validate=networkpolicies.check_networkpolicy,
    ),
    "ingresses.networking.k8s.io": Strategy(
        validate=ingresses.check_ingress, validate_create=ingresses.check_new_ingress
    ),
    "leases.coordination.k8s.io": Strategy(validate=core_checks.check_lease),
    f"rolebindings.{_RBAC}": _BINDING,
    f"clusterrolebindings.{_RBAC}": _BINDING,
    f"roles.{_RBAC}": _ROLE,
    f"clusterroles.{_RBAC}": _ROLE,
    "csidrivers.storage.k8s.io": Strategy(default=storage_kinds.default_driver),
    "storageclasses.storage.k8s.io": Strategy(default=storage_kinds.default_class),
    "priorityclasses.scheduling.k8s.io": Strategy(default=core.default_priorityclass),
    f"flowschemas.{_FLOWS}": Strategy(default=flow_control.default_schema),
    f"prioritylevelconfigurations.{_FLOWS}": Strategy(default=flow_control.default_level),
    f"validatingwebhookconfigurations.{_ADMISSION}": Strategy(
        default=admission_kinds.default_validating
    ),
    f"mutatingwebhookconfigurations.{_ADMISSION}": Strategy(
        default=admission_kinds.default_mutating
    ),
    f"validatingadmissionpolicies.{_ADMISSION}": Strategy(default=admission_kinds.default_policy),
    f"validatingadmissionpolicybindings.{_ADMISSION}": Strategy(
        default=admission_kinds.default_policy_binding
    ),
    definitions.DEFINITIONS: Strategy(
        default=definitions.default_definition, validate=definitions.check_definition
    ),
}


def strategy_of(resource: str) -> Strategy:
    return STRATEGIES.get(resource, PLAIN)


__all__ = ["STRATEGIES", "Strategy", "strategy_of"]
