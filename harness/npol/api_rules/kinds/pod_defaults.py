"""
What the API server fills into pods and pod templates.

Source: kubernetes `pkg/apis/core/v1/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from npol.api_rules.kinds.storage_kinds import default_claim
from npol.api_rules.objects import Obj
from npol.api_rules.quantity import amount

FILE_MODE = 0o644
BURSTABLE, GUARANTEED, BEST_EFFORT = "Burstable", "Guaranteed", "BestEffort"


def containers_of(spec: Obj) -> Iterator[Obj]:
    yield from spec.get("initContainers") or []
    yield from spec.get("containers") or []


def default_pod(pod: Obj) -> None:
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    if spec["terminationGracePeriodSeconds"] < 0:
        spec["terminationGracePeriodSeconds"] = 1
    for container in spec.get("ephemeralContainers") or []:
        _default_container(container)
    for container in containers_of(spec):
        resources = container["resources"]
        limits = resources.get("limits") or {}
        if limits:
            resources["requests"] = {**limits, **(resources.get("requests") or {})}
    if spec.get("hostNetwork"):
        for port in (p for c in containers_of(spec) for p in c.get("ports") or []):
            port.setdefault("hostPort", port.get("containerPort"))


def default_template(template: Obj) -> None:
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))


def default_pod_spec(spec: Obj) -> None:
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    if "serviceAccountName" in spec or "serviceAccount" in spec:
        name = spec.get("serviceAccountName") or spec.get("serviceAccount")
        spec["serviceAccountName"] = spec["serviceAccount"] = name
    for container in containers_of(spec):
        _default_container(container)
    for volume in spec.get("volumes") or []:
        _default_volume(volume)


def _default_container(container: Obj) -> None:
    image = str(container.get("image", ""))
    container.setdefault("imagePullPolicy", "Always" if _is_latest(image) else "IfNotPresent")
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or []:
        _default_field_ref(variable.get("valueFrom") or {})
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if key in container:
            _default_probe(container[key])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict):
            _default_http_get(hook)


def _is_latest(image: str) -> bool:
    name = image.rpartition("/")[2]
    if "@" in name:
        return False
    return ":" not in name or name.endswith(":latest")


def _default_field_ref(source: Obj) -> None:
    if "fieldRef" in source:
        source["fieldRef"].setdefault("apiVersion", "v1")


def _default_probe(probe: Obj) -> None:
    values = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1}
    for key, value in {**values, "failureThreshold": 3}.items():
        probe[key] = probe.get(key) or value
    if not probe.get("initialDelaySeconds", 1):
        del probe["initialDelaySeconds"]
    _default_http_get(probe)
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def _default_http_get(handler: Obj) -> None:
    if "httpGet" in handler:
        handler["httpGet"].setdefault("path", "/")
        handler["httpGet"].setdefault("scheme", "HTTP")


def _default_volume(volume: Obj) -> None:
    sources = [key for key in volume if key != "name"]
    if not sources:
        volume["emptyDir"] = {}
    for key in ("configMap", "secret", "downwardAPI", "projected"):
        if key in volume:
            volume[key].setdefault("defaultMode", FILE_MODE)
    for item in (volume.get("downwardAPI") or {}).get("items") or []:
        _default_field_ref(item)
    for source in (volume.get("projected") or {}).get("sources") or []:
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
        for item in (source.get("downwardAPI") or {}).get("items") or []:
            _default_field_ref(item)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    if claim := (volume.get("ephemeral") or {}).get("volumeClaimTemplate"):
        claim.setdefault("metadata", {})
        default_claim(claim)


def qos_class(spec: Obj) -> str:
    """Source: kubernetes `pkg/apis/core/v1/helper/qos/qos.go`."""
    asked: list[dict[str, Any]] = []
    guaranteed = True
    for container in containers_of(spec):
        resources = container.get("resources") or {}
        requests, limits = _counted(resources, "requests"), _counted(resources, "limits")
        asked += [requests, limits]
        guaranteed = guaranteed and limits.keys() == {"cpu", "memory"} and requests == limits
    if not any(asked):
        return BEST_EFFORT
    return GUARANTEED if guaranteed else BURSTABLE


def _counted(resources: Obj, key: str) -> dict[str, Any]:
    named = resources.get(key) or {}
    found = {k: amount(v) for k, v in named.items() if k in ("cpu", "memory")}
    return {k: v for k, v in found.items() if v}
