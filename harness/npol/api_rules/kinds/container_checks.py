"""
What containers may say.

Source: kubernetes `pkg/apis/core/validation/validation.go`, validateContainerCommon.
"""

from __future__ import annotations

import re

from npol.api_rules import name_validation
from npol.api_rules.field_errors import (
    FieldError,
    Raw,
    duplicate,
    field_forbidden,
    invalid_value,
    not_found_value,
    required,
    unsupported,
)
from npol.api_rules.kinds.volume_checks import check_mount_paths
from npol.api_rules.objects import Obj
from npol.api_rules.quantity import amount

PROTOCOLS = ("SCTP", "TCP", "UDP")
PULL = ("Always", "IfNotPresent", "Never")
HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
HOOKS = (*HANDLERS, "sleep")
SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
CONVERTED = (
    *FIELDS,
    "metadata.annotations",
    "metadata.labels",
    "spec.hostNetwork",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.nominatedNodeName",
    "status.phase",
)
"""Fields of pods that have a name for selectors; not all of them may be variables."""
KEYED = re.compile(r"metadata\.(annotations|labels)\['[^']+'\]")
PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
STANDARD = ("cpu", "memory", "ephemeral-storage")


def check_container(container: Obj, field: str, volumes: set[str]) -> list[FieldError]:
    wrong: list[FieldError] = []
    name = container.get("name", "")
    if not name:
        wrong.append(required(f"{field}.name"))
    else:
        wrong += [invalid_value(f"{field}.name", name, m) for m in name_validation.dns_label(name)]
    if not container.get("image"):
        wrong.append(required(f"{field}.image"))
    message = container.get("terminationMessagePolicy", "File")
    known = ("File", "FallbackToLogsOnError")
    if message not in known:
        wrong.append(unsupported(f"{field}.terminationMessagePolicy", message, known))
    wrong += _ports(container.get("ports") or [], f"{field}.ports")
    wrong += _env(container.get("env") or [], f"{field}.env")
    wrong += _env_from(container.get("envFrom") or [], f"{field}.envFrom")
    wrong += _mounts(container.get("volumeMounts") or [], f"{field}.volumeMounts", volumes)
    if container.get("imagePullPolicy", "Always") not in PULL:
        policy = container["imagePullPolicy"]
        wrong.append(unsupported(f"{field}.imagePullPolicy", policy, PULL))
    wrong += check_resources(container.get("resources") or {}, f"{field}.resources")
    wrong += _security(container.get("securityContext") or {}, f"{field}.securityContext")
    return wrong


def check_lifecycle_and_probes(container: Obj, field: str) -> list[FieldError]:
    """What only containers that keep running may have."""
    wrong: list[FieldError] = []
    for name, hook in (container.get("lifecycle") or {}).items():
        if isinstance(hook, dict):
            wrong += _handler(hook, f"{field}.lifecycle.{name}", HOOKS)
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if key in container:
            wrong += _probe(container[key], f"{field}.{key}", key)
    return wrong


def _ports(ports: list[Obj], field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    seen: set[str] = set()
    for i, port in enumerate(ports):
        here, name = f"{field}[{i}]", port.get("name", "")
        messages = name_validation.port_name(name) if name else []
        wrong += [invalid_value(f"{here}.name", name, m) for m in messages]
        if name and not messages and name in seen:
            wrong.append(duplicate(f"{here}.name", name))
        seen |= {name} if name else set()
        if not port.get("containerPort"):
            wrong.append(required(f"{here}.containerPort"))
        else:
            wrong += name_validation.port(port["containerPort"], f"{here}.containerPort")
        if port.get("hostPort"):
            wrong += name_validation.port(port["hostPort"], f"{here}.hostPort")
        if port.get("protocol", "TCP") not in PROTOCOLS:
            wrong.append(unsupported(f"{here}.protocol", port["protocol"], PROTOCOLS))
    return wrong


def _env(variables: list[Obj], field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    for i, variable in enumerate(variables):
        here, name = f"{field}[{i}]", variable.get("name", "")
        if not name:
            wrong.append(required(f"{here}.name"))
        else:
            wrong += [
                invalid_value(f"{here}.name", name, m) for m in name_validation.env_name(name)
            ]
        if "valueFrom" in variable:
            wrong += _source(variable, f"{here}.valueFrom")
    return wrong


def _source(variable: Obj, field: str) -> list[FieldError]:
    source = variable["valueFrom"]
    given = [k for k in SOURCES if k in source]
    wrong: list[FieldError] = []
    for key in ("configMapKeyRef", "secretKeyRef"):
        if key in source:
            wrong += _reference(source[key], f"{field}.{key}")
    if "fieldRef" in source:
        wrong += _field(source["fieldRef"].get("fieldPath"), f"{field}.fieldRef.fieldPath")
    if not given:
        listed = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        wrong.append(invalid_value(field, "", f"must specify one of: {listed}"))
    elif variable.get("value"):
        rule = "may not be specified when `value` is not empty"
        wrong.append(invalid_value(field, "", rule))
    elif len(given) > 1:
        rule = "may not have more than one field specified at a time"
        wrong.append(invalid_value(field, "", rule))
    return wrong


def _field(path: str | None, field: str) -> list[FieldError]:
    if not path:
        return [required(field)]
    if KEYED.fullmatch(path):
        return []
    if path not in CONVERTED:
        why = f"error converting fieldPath: field label not supported: {path}"
        return [invalid_value(field, path, why)]
    return [] if path in FIELDS else [unsupported(field, path, FIELDS)]


def _reference(reference: Obj, field: str) -> list[FieldError]:
    missing = [required(f"{field}.{k}") for k in ("name", "key") if not reference.get(k)]
    key = reference.get("key", "")
    messages = name_validation.config_key(key) if key else []
    return missing + [invalid_value(f"{field}.key", key, m) for m in messages]


def _env_from(sources: list[Obj], field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    for i, source in enumerate(sources):
        given = [k for k in ("configMapRef", "secretRef") if k in source]
        wrong += [required(f"{field}[{i}].{k}.name") for k in given if not source[k].get("name")]
        if not given:
            rule = "must specify one of: `configMapRef` or `secretRef`"
            wrong.append(invalid_value(field, "", rule))
        elif len(given) > 1:
            rule = "may not have more than one field specified at a time"
            wrong.append(invalid_value(field, "", rule))
    return wrong


def _mounts(mounts: list[Obj], field: str, volumes: set[str]) -> list[FieldError]:
    wrong: list[FieldError] = []
    seen: set[str] = set()
    for i, mount in enumerate(mounts):
        here, name, path = f"{field}[{i}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            wrong.append(required(f"{here}.name"))
        if name not in volumes:
            wrong.append(not_found_value(f"{here}.name", name))
        if not path:
            wrong.append(required(f"{here}.mountPath"))
        if path in seen:
            wrong.append(invalid_value(f"{here}.mountPath", path, "must be unique"))
        seen.add(path)
        wrong += check_mount_paths(mount, field, here)
    return wrong


def check_resources(resources: Obj, field: str) -> list[FieldError]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    wrong: list[FieldError] = []
    for name, quantity in sorted(limits.items()):
        wrong += _amount(name, quantity, f"{field}.limits[{name}]")
    for name, quantity in sorted(requests.items()):
        wrong += _amount(name, quantity, f"{field}.requests[{name}]")
        if name in limits and amount(quantity) > amount(limits[name]):
            rule = f"must be less than or equal to {name} limit of {limits[name]}"
            wrong.append(invalid_value(f"{field}.requests", quantity, rule))
    return wrong


def _amount(name: str, quantity: str, field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    if "/" not in name and name not in STANDARD and not name.startswith("hugepages-"):
        rules = ("resource type or fully qualified", "resource for containers")
        wrong += [invalid_value(field, Raw(name), f"must be a standard {r}") for r in rules]
    if amount(quantity) < 0:
        wrong.append(invalid_value(field, quantity, "must be greater than or equal to 0"))
    return wrong


def _security(context: Obj, field: str) -> list[FieldError]:
    wrong = check_identity(context, field)
    if context.get("allowPrivilegeEscalation") is False and context.get("privileged"):
        rule = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        wrong.append(invalid_value(field, context, rule))
    return wrong


def check_identity(context: Obj, field: str) -> list[FieldError]:
    """What the security contexts of pods and containers have in common."""
    wrong: list[FieldError] = []
    for key in ("runAsUser", "runAsGroup"):
        value = context.get(key)
        if value is not None and not 0 <= value < 2**31:
            rule = "must be between 0 and 2147483647, inclusive"
            wrong.append(invalid_value(f"{field}.{key}", value, rule))
    seccomp = (context.get("seccompProfile") or {}).get("type", PROFILES[0])
    if seccomp not in PROFILES:
        wrong.append(unsupported(f"{field}.seccompProfile.type", seccomp, PROFILES))
    return wrong


def _probe(probe: Obj, field: str, key: str) -> list[FieldError]:
    wrong = _handler(probe, field, HANDLERS)
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds"):
        wrong += _not_negative(probe.get(name, 0), f"{field}.{name}")
    for name in ("successThreshold", "failureThreshold"):
        wrong += _not_negative(probe.get(name, 0), f"{field}.{name}")
    if key != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        wrong.append(
            invalid_value(f"{field}.successThreshold", probe["successThreshold"], "must be 1")
        )
    if key == "readinessProbe" and "terminationGracePeriodSeconds" in probe:
        rule = "must not be set for readinessProbes"
        value = probe["terminationGracePeriodSeconds"]
        wrong.append(invalid_value(f"{field}.terminationGracePeriodSeconds", value, rule))
    return wrong


def _not_negative(value: int, field: str) -> list[FieldError]:
    rule = "must be greater than or equal to 0"
    return [invalid_value(field, value, rule)] if value < 0 else []


def _handler(handler: Obj, field: str, known: tuple[str, ...]) -> list[FieldError]:
    given = [k for k in known if k in handler]
    if not given:
        return [required(field, "must specify a handler type")]
    rule = "may not specify more than 1 handler type"
    wrong = [field_forbidden(f"{field}.{k}", rule) for k in given[1:]]
    first = handler[given[0]]
    here = f"{field}.{given[0]}"
    if given[0] == "exec" and not first.get("command"):
        wrong.append(required(f"{here}.command"))
    if given[0] in ("httpGet", "tcpSocket"):
        wrong += name_validation.port(first.get("port", 0), f"{here}.port")
    if given[0] == "httpGet" and first.get("scheme") not in ("HTTP", "HTTPS"):
        wrong.append(unsupported(f"{here}.scheme", first.get("scheme"), ["HTTP", "HTTPS"]))
    if given[0] == "grpc":
        wrong += name_validation.port(first.get("port", 0), f"{here}.port")
    return wrong
