"""
What pods and pod templates may say, and what may not change in a pod.

Source: kubernetes `pkg/apis/core/validation/validation.go`, ValidatePodSpec, ValidatePodUpdate.
"""

from __future__ import annotations

import difflib
import json

from npol.api_rules import name_validation
from npol.api_rules.field_errors import (
    FieldError,
    duplicate,
    field_forbidden,
    invalid_value,
    required,
    unsupported,
)
from npol.api_rules.kinds.container_checks import (
    check_container,
    check_identity,
    check_lifecycle_and_probes,
)
from npol.api_rules.kinds.volume_checks import check_paths
from npol.api_rules.objects import Obj, copied

RESTART = ("Always", "OnFailure", "Never")
DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
SOURCES = ("emptyDir", "hostPath", "secret", "nfs", "persistentVolumeClaim", "configMap")
"""Of a volume, in the order in which the server looks at them; of two it blames the later."""
UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def check_pod(obj: Obj) -> list[FieldError]:
    spec = obj["spec"]
    wrong = check_pod_spec(spec, "spec")
    for key in ("containers", "initContainers"):
        for i, container in enumerate(spec.get(key) or []):
            image = container.get("image", "")
            if image != image.strip():
                rule = "must not have leading or trailing whitespace"
                wrong.append(invalid_value(f"spec.{key}[{i}].image", image, rule))
    return wrong


def check_pod_spec(spec: Obj, field: str) -> list[FieldError]:
    volumes, wrong = _volumes(spec.get("volumes") or [], f"{field}.volumes")
    wrong += _containers(spec, field, volumes)
    restart, dns = spec.get("restartPolicy"), spec.get("dnsPolicy")
    if restart not in RESTART:
        wrong.append(unsupported(f"{field}.restartPolicy", restart, RESTART))
    if dns not in DNS:
        wrong.append(unsupported(f"{field}.dnsPolicy", dns, DNS))
    wrong += name_validation.labels(spec.get("nodeSelector") or {}, f"{field}.nodeSelector")
    for i, gate in enumerate(spec.get("readinessGates") or []):
        here, name = f"{field}.readinessGates[{i}].conditionType", gate.get("conditionType", "")
        wrong += [invalid_value(here, name, m) for m in name_validation.qualified_name(name)]
    wrong += _names(spec, field)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline < 2**31:
        rule = "must be between 1 and 2147483647, inclusive"
        wrong.append(invalid_value(f"{field}.activeDeadlineSeconds", deadline, rule))
    for i, toleration in enumerate(spec.get("tolerations") or []):
        wrong += _toleration(toleration, f"{field}.tolerations[{i}]")
    for i, alias in enumerate(spec.get("hostAliases") or []):
        wrong += name_validation.ip(alias.get("ip", ""), f"{field}.hostAliases[{i}].ip")
    wrong += check_identity(spec.get("securityContext") or {}, f"{field}.securityContext")
    return wrong + _host_ports(spec, field) + _dns_config(spec, f"{field}.dnsConfig")


def _host_ports(spec: Obj, field: str) -> list[FieldError]:
    """A template may leave them out: they are filled in when the pod is made."""
    rule = "must match `containerPort` when `hostNetwork` is true"
    return [
        invalid_value(f"{field}.containers[{i}].ports[{j}].hostPort", port.get("hostPort"), rule)
        for i, container in enumerate(spec.get("containers") or [])
        for j, port in enumerate(container.get("ports") or [])
        if spec.get("hostNetwork") and port.get("hostPort", 0) not in (0, port["containerPort"])
    ]


def _names(spec: Obj, field: str) -> list[FieldError]:
    rules = {
        "serviceAccountName": name_validation.dns_subdomain,
        "nodeName": name_validation.dns_subdomain,
        "hostname": name_validation.dns_label,
        "subdomain": name_validation.dns_label,
        "priorityClassName": name_validation.dns_subdomain,
    }
    return [
        invalid_value(f"{field}.{key}", spec[key], message)
        for key, rule in rules.items()
        if spec.get(key)
        for message in rule(spec[key])
    ]


def _volumes(volumes: list[Obj], field: str) -> tuple[set[str], list[FieldError]]:
    wrong: list[FieldError] = []
    seen: set[str] = set()
    for i, volume in enumerate(volumes):
        here, name = f"{field}[{i}]", volume.get("name", "")
        sources = sorted((k for k in volume if k != "name"), key=_looked_at)
        if len(sources) > 1:
            rule = "may not specify more than 1 volume type"
            wrong += [field_forbidden(f"{here}.{s}", rule) for s in sources[1:]]
        if not name:
            wrong.append(required(f"{here}.name"))
            continue
        wrong += [invalid_value(f"{here}.name", name, m) for m in name_validation.dns_label(name)]
        if name in seen:
            wrong.append(duplicate(f"{here}.name", name))
        seen.add(name)
        for key, inner in (("configMap", "name"), ("secret", "secretName")):
            if key in volume and not volume[key].get(inner):
                wrong.append(required(f"{here}.{key}.{inner}"))
        wrong += check_paths(volume, here)
    return seen, wrong


def _looked_at(source: str) -> int:
    return SOURCES.index(source) if source in SOURCES else len(SOURCES)


def _containers(spec: Obj, field: str, volumes: set[str]) -> list[FieldError]:
    main, initial = spec.get("containers") or [], spec.get("initContainers") or []
    if not main:
        return [required(f"{field}.containers")]
    wrong: list[FieldError] = []
    seen: set[str] = set()
    for key, group in (("containers", main), ("initContainers", initial)):
        for i, container in enumerate(group):
            here = f"{field}.{key}[{i}]"
            wrong += check_container(container, here, volumes)
            if container.get("name") in seen:
                wrong.append(duplicate(f"{here}.name", container["name"]))
            seen.add(container.get("name", ""))
            sidecar = key == "initContainers" and container.get("restartPolicy") == "Always"
            if key == "containers" or sidecar:
                wrong += check_lifecycle_and_probes(container, here)
            else:
                wrong += _only_for_running(container, here)
            if key == "containers" and "restartPolicy" in container:
                rule = "may not be set for non-init containers"
                wrong.append(field_forbidden(f"{here}.restartPolicy", rule))
    return wrong


def _only_for_running(container: Obj, field: str) -> list[FieldError]:
    keys = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
    rule = "may not be set for init containers without restartPolicy=Always"
    return [field_forbidden(f"{field}.{k}", rule) for k in keys if k in container]


def _toleration(toleration: Obj, field: str) -> list[FieldError]:
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    effect, value = toleration.get("effect", ""), toleration.get("value", "")
    wrong: list[FieldError] = []
    if key:
        wrong += [
            invalid_value(f"{field}.key", key, m) for m in name_validation.qualified_name(key)
        ]
    elif operator != "Exists":
        rule = (
            "operator must be Exists when `key` is empty, which means "
            '"match all values and all keys"'
        )
        wrong.append(invalid_value(f"{field}.operator", operator, rule))
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        rule = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        wrong.append(invalid_value(f"{field}.effect", effect, rule))
    if operator == "Exists" and value:
        rule = "value must be empty when `operator` is 'Exists'"
        wrong.append(invalid_value(f"{field}.operator", value, rule))
    if operator not in ("", "Equal", "Exists"):
        wrong.append(unsupported(f"{field}.operator", operator, ["Equal", "Exists"]))
    if effect and effect not in EFFECTS:
        wrong.append(unsupported(f"{field}.effect", effect, EFFECTS))
    return wrong


def _dns_config(spec: Obj, field: str) -> list[FieldError]:
    servers = (spec.get("dnsConfig") or {}).get("nameservers") or []
    if spec.get("dnsPolicy") == "None" and not servers:
        if "dnsConfig" not in spec:
            return [required(field, "must provide `dnsConfig` when `dnsPolicy` is None")]
        rule = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        return [required(f"{field}.nameservers", rule)]
    return [
        cause
        for i, server in enumerate(servers)
        for cause in name_validation.ip(server, f"{field}.nameservers[{i}]")
    ]


def check_template(template: Obj, field: str) -> list[FieldError]:
    metadata = template.get("metadata") or {}
    wrong = name_validation.labels(metadata.get("labels") or {}, f"{field}.labels")
    if (template.get("spec") or {}).get("ephemeralContainers"):
        rule = "ephemeral containers not allowed in pod template"
        wrong.append(field_forbidden(f"{field}.spec.ephemeralContainers", rule))
    return wrong + check_pod_spec(template.get("spec") or {}, f"{field}.spec")


def check_pod_update(new: Obj, old: Obj) -> list[FieldError]:
    after, before = new["spec"], old["spec"]
    for key in ("containers", "initContainers"):
        if len(after.get(key) or []) != len(before.get(key) or []):
            rule = "pod updates may not add or remove containers"
            return [field_forbidden(f"spec.{key}", rule)]
    wrong = _deadline(after, before) + _tolerations(after, before)
    munged = _munged(after, before)
    if munged != before:
        rule = f"pod updates may not change fields other than {UPDATABLE}"
        wrong.append(field_forbidden("spec", f"{rule}\n{_difference(before, munged)}"))
    return wrong


def _munged(after: Obj, before: Obj) -> Obj:
    """The new spec with all that may change put back."""
    spec: Obj = copied(after)
    for key in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        spec.pop(key, None)
        if key in before:
            spec[key] = before[key]
    for key in ("containers", "initContainers"):
        for mine, theirs in zip(spec.get(key) or [], before.get(key) or [], strict=True):
            mine["image"] = theirs.get("image")
    return spec


def _deadline(after: Obj, before: Obj) -> list[FieldError]:
    field, new, old = (
        "spec.activeDeadlineSeconds",
        *(s.get("activeDeadlineSeconds") for s in (after, before)),
    )
    if old is None:
        return []
    if new is None:
        rule = "must not update from a positive integer to nil value"
        return [invalid_value(field, None, rule)]
    rule = "must be less than or equal to previous value"
    return [invalid_value(field, new, rule)] if new > old else []


def _tolerations(after: Obj, before: Obj) -> list[FieldError]:
    new, old = after.get("tolerations") or [], before.get("tolerations") or []
    if all(t in new for t in old):
        return []
    rule = "existing toleration can not be modified except its tolerationSeconds"
    return [field_forbidden("spec.tolerations", rule)]


def _difference(before: Obj, after: Obj) -> str:
    old, new = (json.dumps(s, indent=1, sort_keys=True).splitlines() for s in (before, after))
    lines = difflib.unified_diff(old, new, lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
