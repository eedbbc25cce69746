"""
Endpoints: the older form of the addresses behind a Service, that many tools still read.

Source: Kubernetes pkg/controller/endpoint/endpoints_controller.go and
pkg/api/v1/endpoints/util.go (RepackSubsets).
"""

from __future__ import annotations

import json
from typing import Any

from npol.api_rules.objects import Obj
from npol_lab.controllers.controller import Key
from npol_lab.controllers.owners import labels_of
from npol_lab.controllers.pods import is_going, is_ready
from npol_lab.controllers.service_endpoints import (
    Port,
    ServiceFollower,
    families_of,
    has_own_hostname,
    pod_address,
    ports_of,
    target_ref,
)

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
CONTROLLER = "endpoint-controller"


class Endpoints(ServiceFollower):
    """One object per Service with a selector, of the same name."""

    watches = ("services", "pods", "endpoints")

    def reconcile(self, key: Key) -> None:
        service, current = self.one(*key), self.one("endpoints", key.namespace, key.name)
        if service is None or is_going(service):
            if current is not None and labels_of(current).get(MANAGED_BY) == CONTROLLER:
                self.registry.delete("endpoints", key.namespace, key.name)
            return
        if not service["spec"].get("selector") or service["spec"]["type"] == "ExternalName":
            return
        wanted = self._wanted(service)
        if current is None:
            self.registry.create("endpoints", wanted)
        elif _content(current) != _content(wanted):
            self.registry.update("endpoints", wanted)

    def _wanted(self, service: Obj) -> Obj:
        metadata = service["metadata"]
        labels = {**labels_of(service), MANAGED_BY: CONTROLLER}
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        wanted: Obj = {
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "labels": labels,
            }
        }
        subsets = self._subsets(service)
        return wanted | ({"subsets": subsets} if subsets else {})

    def _subsets(self, service: Obj) -> list[Obj]:
        """
        Addresses of the Service's first family; those with the same ports are one subset.

        The port list may differ by pod.
        """
        unready_too = bool(service["spec"].get("publishNotReadyAddresses"))
        family = families_of(service)[0]
        groups: dict[str, tuple[list[Port], list[Obj], list[Obj]]] = {}
        for pod in self.behind(service):
            if is_going(pod) and not unready_too:
                continue
            ports, address = ports_of(service, pod), pod_address(pod, family)
            if not address or (service["spec"].get("ports") and not ports):
                continue
            group = groups.setdefault(json.dumps(ports), (ports, [], []))
            group[1 if is_ready(pod) or unready_too else 2].append(_address(service, pod, address))
        return [_subset(*group) for group in groups.values()]


def _address(service: Obj, pod: Obj, ip: str) -> Obj:
    address = {
        "ip": ip,
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": target_ref(pod),
    }
    return address | (
        {"hostname": pod["spec"]["hostname"]} if has_own_hostname(service, pod) else {}
    )


def _subset(ports: list[Port], ready: list[Obj], unready: list[Obj]) -> Obj:
    named = [{k: v for k, v in port.items() if v != ""} for port in ports]
    parts: dict[str, list[Any]] = {
        "addresses": sorted(ready, key=lambda a: str(a["ip"])),
        "notReadyAddresses": sorted(unready, key=lambda a: str(a["ip"])),
        "ports": named,
    }
    return {key: value for key, value in parts.items() if value}


def _content(obj: Obj) -> tuple[object, object]:
    return dict(labels_of(obj)), obj.get("subsets") or []
