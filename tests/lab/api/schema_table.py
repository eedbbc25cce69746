"""
Writes `harness/lab/registry/types.txt` from the models of the official client.

    python tests/lab/api/schema_table.py > harness/lab/registry/types.txt

The client says which fields a type has and of which type they are. What it does not say
is written down here: how lists and maps merge (`// +patchMergeKey`, `// +listType`,
`// +mapType` and `// +structType` of the API's Go types) and which strings are quantities.
"""

from __future__ import annotations

import re
from typing import Any

from kubernetes.client import models

ROOTS = (
    "V1Namespace V1Node V1Pod V1Service V1Endpoints V1ConfigMap V1Secret V1ServiceAccount "
    "CoreV1Event V1LimitRange V1ResourceQuota V1PersistentVolumeClaim V1PersistentVolume "
    "V1Deployment V1ReplicaSet V1StatefulSet V1DaemonSet V1ControllerRevision V1Job V1CronJob "
    "V2HorizontalPodAutoscaler V1PodDisruptionBudget V1NetworkPolicy V1Ingress V1IngressClass "
    "V1EndpointSlice V1Lease V1PriorityClass V1StorageClass V1Role V1RoleBinding V1ClusterRole "
    "V1ClusterRoleBinding V1CustomResourceDefinition V1TokenReview V1SelfSubjectReview "
    "V1SubjectAccessReview V1LocalSubjectAccessReview V1SelfSubjectAccessReview "
    "V1SelfSubjectRulesReview V1Scale V1Binding V1Eviction AuthenticationV1TokenRequest "
    "V1DeleteOptions"
).split()

LISTS = {
    "ConfigMapProjection.items": "",
    "Container.env": "name",
    "Container.ports": "containerPort,protocol",
    "Container.volumeDevices": "devicePath",
    "Container.volumeMounts": "mountPath",
    "CustomResourceDefinitionStatus.conditions": "type",
    "DaemonSetStatus.conditions": "type",
    "DeploymentStatus.conditions": "type",
    "EphemeralContainer.env": "name",
    "EphemeralContainer.ports": "containerPort,protocol",
    "EphemeralContainer.volumeDevices": "devicePath",
    "EphemeralContainer.volumeMounts": "mountPath",
    "HorizontalPodAutoscalerStatus.conditions": "type",
    "JobStatus.conditions": "type",
    "LoadBalancerStatus.ingress": "",
    "NamespaceStatus.conditions": "type",
    "NodeSpec.podCIDRs": "=",
    "NodeStatus.addresses": "type",
    "NodeStatus.conditions": "type",
    "ObjectMeta.finalizers": "=",
    "ObjectMeta.ownerReferences": "uid",
    "PersistentVolumeClaimStatus.conditions": "type",
    "PodDisruptionBudgetStatus.conditions": "type",
    "PodSpec.containers": "name",
    "PodSpec.ephemeralContainers": "name",
    "PodSpec.hostAliases": "ip",
    "PodSpec.imagePullSecrets": "name",
    "PodSpec.initContainers": "name",
    "PodSpec.resourceClaims": "name",
    "PodSpec.schedulingGates": "name",
    "PodSpec.topologySpreadConstraints": "topologyKey,whenUnsatisfiable",
    "PodSpec.volumes": "name",
    "PodStatus.conditions": "type",
    "PodStatus.hostIPs": "ip",
    "PodStatus.podIPs": "ip",
    "ReplicaSetStatus.conditions": "type",
    "ResourceRequirements.claims": "name",
    "ServiceAccount.imagePullSecrets": "name",
    "ServiceAccount.secrets": "name",
    "ServiceSpec.ports": "port,protocol",
    "ServiceStatus.conditions": "type",
    "StatefulSetStatus.conditions": "type",
}
"""The keys of lists that merge item by item; the first is the strategic one. `=`: a set."""

ATOMIC_MAPS = {"ServiceSpec.selector", "PodSpec.nodeSelector", "Overhead.podFixed"}

ATOMIC_TYPES = {
    "ConfigMapKeySelector",
    "ConfigMapNodeConfigSource",
    "CrossVersionObjectReference",
    "EndpointAddress",
    "EndpointPort",
    "FileKeySelector",
    "IngressServiceBackend",
    "LabelSelector",
    "LocalObjectReference",
    "NodeSelector",
    "NodeSelectorTerm",
    "ObjectFieldSelector",
    "ObjectReference",
    "ResourceFieldSelector",
    "RoleRef",
    "ScopeSelector",
    "ScopedResourceSelectorRequirement",
    "SecretKeySelector",
    "SecretReference",
    "ServiceBackendPort",
    "Subject",
    "TopologySelectorTerm",
    "TypedLocalObjectReference",
    "VolumeNodeAffinity",
} - {"IngressServiceBackend", "VolumeNodeAffinity"}

QUANTITIES = {
    "allocatable",
    "allocatedResources",
    "averageValue",
    "capacity",
    "default",
    "defaultRequest",
    "divisor",
    "hard",
    "limits",
    "max",
    "maxLimitRequestRatio",
    "min",
    "overhead",
    "podFixed",
    "requests",
    "sizeLimit",
    "used",
}
MICRO_TIMES = {
    "Event.eventTime",
    "EventSeries.lastObservedTime",
    "LeaseSpec.acquireTime",
    "LeaseSpec.renewTime",
}
EMPTY_SELECTOR = "LabelSelector"


def short(name: str) -> str:
    if name == "DiscoveryV1EndpointPort":
        return "DiscoveryEndpointPort"
    return re.sub(r"^(Core|Rbac|Discovery|Authentication|Apiextensions|Events)?V\d", "", name)


def reachable() -> dict[str, Any]:
    found: dict[str, Any] = {}
    todo = list(ROOTS)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found[name] = getattr(models, name)
        for spelled in found[name].openapi_types.values():
            todo += [w for w in re.findall(r"\w+", spelled) if hasattr(models, w)]
    return dict(sorted(found.items(), key=lambda item: short(item[0])))


def field_type(owner: str, field: str, spelled: str, annotation: str) -> str:
    listed = re.fullmatch(r"List\[(.*)\]", spelled)
    if listed:
        keys = LISTS.get(f"{owner}.{field}", "")
        return f"[{field_type(owner, '', listed[1], '')}]" + (f"@{keys}" if keys else "")
    mapped = re.fullmatch(r"Dict\[str, (.*)\]", spelled)
    if mapped:
        inner = "quantity" if field in QUANTITIES else field_type(owner, "", mapped[1], "")
        return ("*" if f"{owner}.{field}" in ATOMIC_MAPS else "") + "{" + inner + "}"
    if f"{owner}.{field}" in MICRO_TIMES:
        return "microtime"
    if spelled == "str" and field in QUANTITIES:
        return "quantity"
    if spelled == "object":
        return "intstr" if "int" in annotation and "str" in annotation else "any"
    return {"datetime": "time", "float": "number"}.get(spelled, short(spelled))


def rows() -> list[str]:
    lines = []
    for name, model in reachable().items():
        owner = short(name)
        fields = []
        for attribute, spelled in model.openapi_types.items():
            info = model.model_fields[attribute] if attribute in model.model_fields else None
            if info is None:
                info = next(
                    f
                    for f in model.model_fields.values()
                    if f.serialization_alias == model.attribute_map[attribute]
                )
            field = model.attribute_map[attribute]
            mark = "!" if info.is_required() else ""
            kind = field_type(owner, field, spelled, str(info.annotation))
            fields.append(f"{field}{mark}={kind}")
        fields.sort()
        lines.append(f"{'*' if owner in ATOMIC_TYPES else ''}{owner}: {' '.join(fields)}")
    return lines


if __name__ == "__main__":
    print("\n".join(rows()))
