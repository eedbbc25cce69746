"""A container's environment variables."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from npol.api_rules.objects import Obj
from npol_lab.node.expansion import Room, expand
from npol_lab.node.image_programs import HOST_PATH

Find = Callable[[str, str], Obj | None]
"""(resource, name) -> the object of the pod's namespace, or None."""


class ConfigError(Exception):
    """A variable names something that is not there (CreateContainerConfigError)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """What the downward API may ask that is not in the pod's spec and metadata."""

    pod_ips: Sequence[str]
    """None yet, or one of each family of the cluster."""
    host_ips: Sequence[str]

    @property
    def pod_ip(self) -> str:
        return next(iter(self.pod_ips), "")


def field(pod: Obj, path: str, facts: PodFacts) -> str:
    """
    The value of a downward API `fieldPath`; maps print as `key="value"` lines.

    Raises:
        ConfigError: there is no such field.
    """
    if match := re.fullmatch(r"metadata\.(labels|annotations)(?:\['(.+)'\])?", path):
        values = pod["metadata"].get(match[1]) or {}
        if match[2]:
            return str(values.get(match[2], ""))
        return "\n".join(f'{k}="{v}"' for k, v in sorted(values.items()))
    simple = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.podIP": facts.pod_ip,
        "status.podIPs": ",".join(facts.pod_ips),
        "status.hostIP": next(iter(facts.host_ips), ""),
        "status.hostIPs": ",".join(facts.host_ips),
    }
    if path not in simple:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(simple[path])


def environment(
    pod: Obj,
    container: Obj,
    facts: PodFacts,
    find: Find,
    services: Iterable[Obj],
    *,
    lenient: bool = False,
) -> dict[str, str]:
    """
    All variables of a container, `$(NAME)` expanded.

    Args:
        services: of the pod's namespace, and `kubernetes` of `default`.
        lenient: what is missing is left out.

    Raises:
        ConfigError: a ConfigMap, a Secret or a key is missing and not optional.
        OSError: it is more than a program may be told.
    """
    links = service_links(services, pod["spec"].get("enableServiceLinks", True))
    env = {"PATH": HOST_PATH, "HOSTNAME": hostname(pod), "HOME": "/root", **links}
    missing = contextlib.suppress(ConfigError) if lenient else contextlib.nullcontext()
    room = Room()
    for source in container.get("envFrom") or []:
        with missing:
            env.update({name: room.take(text) for name, text in _all_of(source, find).items()})
    for variable in container.get("env") or []:
        value = None
        with missing:
            value = _value(pod, variable, facts, find)
        if value is not None:
            env[variable["name"]] = room.take(expand(value, env))
    return env


def hostname(pod: Obj) -> str:
    """What the pod calls itself; with the host's network that is the node."""
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        return str(spec.get("nodeName", ""))
    return str(spec.get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")


def _value(pod: Obj, variable: Obj, facts: PodFacts, find: Find) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return str(variable.get("value") or "")
    if reference := source.get("fieldRef"):
        return field(pod, reference["fieldPath"], facts)
    if reference := source.get("configMapKeyRef"):
        return _key("configmap", "configmaps", reference, find)
    if reference := source.get("secretKeyRef"):
        return _key("secret", "secrets", reference, find)
    if source.get("resourceFieldRef"):
        return "0"  # the lab limits nothing
    raise ConfigError(f"invalid valueFrom of variable {variable['name']}")


def _key(word: str, resource: str, reference: Obj, find: Find) -> str | None:
    found = find(resource, reference["name"])
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{word} "{reference["name"]}" not found')
    values = texts(found)
    if reference["key"] not in values:
        if reference.get("optional"):
            return None
        name = f"{found['metadata']['namespace']}/{reference['name']}"
        kind = {"configmap": "ConfigMap", "secret": "Secret"}[word]
        raise ConfigError(f"couldn't find key {reference['key']} in {kind} {name}")
    return values[reference["key"]].decode(errors="replace")


def _all_of(source: Obj, find: Find) -> dict[str, str]:
    kinds = (("configMapRef", "configmap", "configmaps"), ("secretRef", "secret", "secrets"))
    for key, word, resource in kinds:
        reference = source.get(key)
        if reference is None:
            continue
        found = find(resource, reference["name"])
        if found is None and not reference.get("optional"):
            raise ConfigError(f'{word} "{reference["name"]}" not found')
        prefix = source.get("prefix") or ""
        values = texts(found) if found else {}
        return {prefix + k: v.decode(errors="replace") for k, v in values.items()}
    return {}


def texts(obj: Obj) -> dict[str, bytes]:
    """The content of a ConfigMap or a Secret by key."""
    values = {k: str(v).encode() for k, v in (obj.get("stringData") or {}).items()}
    secret = obj.get("kind") == "Secret"
    for key, value in (obj.get("data") or {}).items():
        values[key] = base64.b64decode(value) if secret else str(value).encode()
    for key, value in (obj.get("binaryData") or {}).items():
        values[key] = base64.b64decode(value)
    return values


def service_links(services: Iterable[Obj], enabled: bool) -> dict[str, str]:
    """`NAME_SERVICE_HOST` and the like; without links those of `kubernetes` only."""
    found: dict[str, str] = {}
    for service in services:
        address = service["spec"].get("clusterIP")
        ports: list[dict[str, Any]] = service["spec"].get("ports") or []
        own = service["metadata"]["name"] == "kubernetes"
        if not ports or address in (None, "", "None") or not (enabled or own):
            continue
        found.update(_links(service["metadata"]["name"], address, ports))
    return found


def _links(name: str, address: str, ports: list[dict[str, Any]]) -> dict[str, str]:
    prefix = name.upper().replace("-", "_")
    first = ports[0]
    url = f"{first.get('protocol', 'TCP').lower()}://{address}:{first['port']}"
    links = {
        f"{prefix}_SERVICE_HOST": address,
        f"{prefix}_SERVICE_PORT": str(first["port"]),
        f"{prefix}_PORT": url,
    }
    for port in ports:
        if port.get("name"):
            key = port["name"].upper().replace("-", "_")
            links[f"{prefix}_SERVICE_PORT_{key}"] = str(port["port"])
        protocol = port.get("protocol", "TCP").lower()
        stem = f"{prefix}_PORT_{port['port']}_{protocol.upper()}"
        links[stem] = f"{protocol}://{address}:{port['port']}"
        links[f"{stem}_PROTO"] = protocol
        links[f"{stem}_PORT"] = str(port["port"])
        links[f"{stem}_ADDR"] = address
    return links
