"""What Ingresses may say. Source: kubernetes `pkg/apis/networking/validation/validation.go`."""

from __future__ import annotations

import ipaddress

from npol.api_rules import name_validation
from npol.api_rules.field_errors import FieldError, Raw, invalid_value, required, unsupported
from npol.api_rules.objects import Obj

PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
CLASS = "kubernetes.io/ingress.class"


def check_ingress(obj: Obj) -> list[FieldError]:
    spec = obj.get("spec", {})
    wrong: list[FieldError] = []
    if not spec.get("rules") and "defaultBackend" not in spec:
        rule = "either `defaultBackend` or `rules` must be specified"
        wrong.append(invalid_value("spec", Raw("[]networking.IngressRule(nil)"), rule))
    if "defaultBackend" in spec:
        wrong += _backend(spec["defaultBackend"], "spec.defaultBackend")
    for i, rule in enumerate(spec.get("rules") or []):
        wrong += _rule(rule, f"spec.rules[{i}]")
    for i, tls in enumerate(spec.get("tls") or []):
        for j, host in enumerate(tls.get("hosts") or []):
            wrong += _host(host, f"spec.tls[{i}].hosts[{j}]")
    if "ingressClassName" in spec:
        name = spec["ingressClassName"]
        field = "spec.ingressClassName"
        wrong += [invalid_value(field, name, m) for m in name_validation.dns_subdomain(name)]
    return wrong


def check_new_ingress(obj: Obj) -> list[FieldError]:
    annotation = (obj["metadata"].get("annotations") or {}).get(CLASS)
    named = obj.get("spec", {}).get("ingressClassName")
    if annotation is None or named is None or annotation == named:
        return []
    rule = "must match `ingressClassName` when both are specified"
    return [invalid_value(f"annotations.{CLASS}", annotation, rule)]


def _rule(rule: Obj, field: str) -> list[FieldError]:
    wrong = _host(rule["host"], f"{field}.host") if rule.get("host") else []
    if "http" not in rule:
        return wrong
    paths = rule["http"].get("paths") or []
    if not paths:
        wrong.append(required(f"{field}.http.paths"))
    for i, path in enumerate(paths):
        wrong += _path(path, f"{field}.http.paths[{i}]")
    return wrong


def _host(host: str, field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    if _is_address(host):
        rule = "must be a DNS name, not an IP address"
        wrong.append(invalid_value(field, host, rule))
    rule_of = name_validation.wildcard_subdomain if "*" in host else name_validation.dns_subdomain
    return wrong + [invalid_value(field, host, m) for m in rule_of(host)]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _path(path: Obj, field: str) -> list[FieldError]:
    kind, text = path.get("pathType"), path.get("path", "")
    if kind is None:
        return [required(f"{field}.pathType", "pathType must be specified")]
    wrong: list[FieldError] = []
    if kind not in PATH_TYPES:
        wrong.append(unsupported(f"{field}.pathType", kind, PATH_TYPES))
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        wrong.append(invalid_value(f"{field}.path", text, "must be an absolute path"))
    if kind in ("Exact", "Prefix"):
        wrong += [
            invalid_value(f"{field}.path", text, f"must not contain '{bad}'")
            for bad in ("//", "/./", "/../", "%2f", "%2F")
            if bad in text
        ]
        wrong += [
            invalid_value(f"{field}.path", text, f"cannot end with '{bad}'")
            for bad in ("/..", "/.")
            if text.endswith(bad)
        ]
    return wrong + _backend(path.get("backend") or {}, f"{field}.backend")


def _backend(backend: Obj, field: str) -> list[FieldError]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        return [invalid_value(field, "", "cannot set both resource and service backends")]
    if service is None:
        known = resource is not None
        return (
            [] if known else [invalid_value(field, "", "resource or service backend is required")]
        )
    wrong: list[FieldError] = []
    name = service.get("name", "")
    if name:
        messages = name_validation.dns1035_label(name)
        wrong += [invalid_value(f"{field}.service.name", name, m) for m in messages]
    else:
        wrong.append(required(f"{field}.service.name"))
    return wrong + _backend_port(service.get("port") or {}, field)


def _backend_port(port: Obj, field: str) -> list[FieldError]:
    name, number = port.get("name"), port.get("number")
    if name and number:
        return [invalid_value(field, "", "cannot set both port name & port number")]
    if name:
        return name_validation.port(name, f"{field}.service.port.name")
    if number:
        return name_validation.port(number, f"{field}.service.port.number")
    return [required(field, "port name or number is required")]
