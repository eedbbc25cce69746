"""Columns of everything else: nodes, namespaces, configuration, access, events."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol_lab.api.tables.column import (
    AGE,
    CREATED_AT,
    NAME,
    NONE,
    UNKNOWN,
    Column,
    at,
    joined,
    since,
)

ROLE = "node-role.kubernetes.io/"
_RBAC = "rbac.authorization.k8s.io"


def _node_status(node: Obj) -> str:
    conditions = {c["type"]: c["status"] for c in node["status"].get("conditions") or []}
    word = {"True": "Ready", None: "Unknown"}.get(conditions.get("Ready"), "NotReady")
    return f"{word},SchedulingDisabled" if node["spec"].get("unschedulable") else word


def _node_roles(node: Obj) -> str:
    labels = node["metadata"].get("labels") or {}
    return joined(sorted(k[len(ROLE) :] for k in labels if k.startswith(ROLE) and k != ROLE))


def _node_address(kind: str) -> Column:
    def read(node: Obj) -> str:
        found = [a["address"] for a in node["status"].get("addresses") or [] if a["type"] == kind]
        return found[0] if found else NONE

    return Column(f"{kind[:8]}-IP", read, True)


def _node_info(title: str, key: str, wide: bool = True) -> Column:
    return Column(title, at("status", "nodeInfo", key, default=UNKNOWN), wide)


def _count(*keys: str) -> Column:
    def read(obj: Obj) -> int:
        return sum(len(obj.get(k) or {}) for k in keys)

    return Column("Data", read)


def _event_object(event: Obj) -> str:
    about = event.get("involvedObject", {})
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def _event_source(event: Obj) -> str:
    source = event.get("source", {})
    component = source.get("component") or event.get("reportingComponent", "")
    return ", ".join(p for p in (component, source.get("host", "")) if p)


def _event_time(event: Obj, key: str) -> str:
    return since(event.get(key) or event.get("eventTime") or event.get("firstTimestamp"))


def _role(binding: Obj) -> str:
    return f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"


def _subjects(title: str, kind: str) -> Column:
    def read(binding: Obj) -> str:
        found = [s for s in binding.get("subjects") or [] if s.get("kind") == kind]
        prefix = kind == "ServiceAccount"
        spelled = (f"{s.get('namespace', '')}/{s['name']}" if prefix else s["name"] for s in found)
        return ", ".join(spelled)

    return Column(title, read, True)


_BINDING = (
    NAME,
    Column("Role", _role),
    AGE,
    _subjects("Users", "User"),
    _subjects("Groups", "Group"),
    _subjects("ServiceAccounts", "ServiceAccount"),
)


def _quota(prefix: str) -> Column:
    def read(quota: Obj) -> str:
        status = quota.get("status", {})
        used, hard = status.get("used") or {}, status.get("hard") or {}
        keys = [k for k in sorted(hard) if k.startswith("limits.") == (prefix == "Limit")]
        return ", ".join(f"{k}: {used.get(k, 0)}/{hard[k]}" for k in keys)

    return Column(prefix, read)


CLUSTER: dict[str, tuple[Column, ...]] = {
    "namespaces": (NAME, Column("Status", at("status", "phase")), AGE),
    "nodes": (
        NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        AGE,
        _node_info("Version", "kubeletVersion", wide=False),
        _node_address("InternalIP"),
        _node_address("ExternalIP"),
        _node_info("OS-Image", "osImage"),
        _node_info("Kernel-Version", "kernelVersion"),
        _node_info("Container-Runtime", "containerRuntimeVersion"),
    ),
    "configmaps": (NAME, _count("data", "binaryData"), AGE),
    "secrets": (NAME, Column("Type", at("type")), _count("data"), AGE),
    "serviceaccounts": (
        NAME,
        Column("Secrets", lambda o: len(o.get("secrets") or [])),
        AGE,
    ),
    "events": (
        Column("Last Seen", lambda o: _event_time(o, "lastTimestamp")),
        Column("Type", at("type")),
        Column("Reason", at("reason")),
        Column("Object", _event_object),
        Column("Subobject", at("involvedObject", "fieldPath"), True),
        Column("Source", _event_source, True),
        Column("Message", lambda o: str(o.get("message", "")).strip()),
        Column("First Seen", lambda o: _event_time(o, "firstTimestamp"), True),
        Column("Count", at("count", default=1), True),
        Column("Name", at("metadata", "name"), True),
    ),
    "leases.coordination.k8s.io": (NAME, Column("Holder", at("spec", "holderIdentity")), AGE),
    f"roles.{_RBAC}": (NAME, CREATED_AT),
    f"clusterroles.{_RBAC}": (NAME, CREATED_AT),
    f"rolebindings.{_RBAC}": _BINDING,
    f"clusterrolebindings.{_RBAC}": _BINDING,
    "customresourcedefinitions.apiextensions.k8s.io": (NAME, CREATED_AT),
    "limitranges": (NAME, CREATED_AT),
    "resourcequotas": (NAME, _quota("Request"), _quota("Limit"), AGE),
    "priorityclasses.scheduling.k8s.io": (
        NAME,
        Column("Value", at("value", default=0), type="integer"),
        Column("Global-Default", lambda o: str(o.get("globalDefault", False)).lower()),
        AGE,
        Column("PreemptionPolicy", at("preemptionPolicy")),
    ),
    "storageclasses.storage.k8s.io": (
        NAME,
        Column("Provisioner", at("provisioner")),
        Column("ReclaimPolicy", at("reclaimPolicy", default="Delete")),
        Column("VolumeBindingMode", at("volumeBindingMode", default=UNKNOWN)),
        Column("AllowVolumeExpansion", lambda o: str(o.get("allowVolumeExpansion", False)).lower()),
        AGE,
    ),
    "persistentvolumeclaims": (
        NAME,
        Column("Status", at("status", "phase")),
        Column("Volume", at("spec", "volumeName")),
        Column("Capacity", at("status", "capacity", "storage")),
        Column("Access Modes", lambda o: joined(o["spec"].get("accessModes") or [], empty="")),
        Column("StorageClass", at("spec", "storageClassName")),
        AGE,
    ),
}
