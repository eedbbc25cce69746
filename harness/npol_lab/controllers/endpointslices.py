"""
EndpointSlices: the addresses behind a Service, ready or not.

Source: Kubernetes staging/src/k8s.io/endpointslice/utils.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from npol.api_rules.objects import Obj, copied
from npol_lab.controllers.controller import Key
from npol_lab.controllers.owners import labels_of, reference_to
from npol_lab.controllers.pods import is_going, is_ready
from npol_lab.controllers.service_endpoints import (
    ServiceFollower,
    families_of,
    has_own_hostname,
    pod_address,
    ports_of,
    target_ref,
)
from npol_lab.families import BY_NAME, Family

SLICES = "endpointslices.discovery.k8s.io"
SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
MIRROR = "endpointslicemirroring-controller.k8s.io"
SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror"
MOST = 100
"""Endpoints of one slice."""

Wanted = list[tuple[str, list[Any], list[Obj]]]
"""Address type, ports and endpoints of each slice."""


class EndpointSlices(ServiceFollower):
    """
    One slice for each family and set of port numbers.

    Services without a selector keep theirs.
    """

    watches = ("services", "pods", SLICES)
    manager = CONTROLLER

    def reconcile(self, key: Key) -> None:
        service = self.one(*key)
        own = [s for s in self.all(SLICES, key.namespace) if self._is_own(s, key.name)]
        if service is None or is_going(service) or not self._is_wanted(service):
            self._write(key, None, own, [])
        else:
            self._write(key, service, own, self._slices(service))

    def _is_own(self, piece: Obj, service: str) -> bool:
        labels = labels_of(piece)
        return labels.get(SERVICE_LABEL) == service and labels.get(MANAGED_BY) == self.manager

    def _is_wanted(self, service: Obj) -> bool:
        return bool(service["spec"].get("selector")) and service["spec"]["type"] != "ExternalName"

    def _slices(self, service: Obj) -> Wanted:
        behind = self.behind(service)
        return [one for name in families_of(service) for one in _of_family(service, behind, name)]

    def _write(self, key: Key, service: Obj | None, own: list[Obj], wanted: Wanted) -> None:
        """Slices with the right ports are filled anew, the rest is made or deleted."""
        left = sorted(own, key=lambda s: s["metadata"]["name"])
        for family, ports, endpoints in wanted:
            assert service is not None
            same = [s for s in left if s["addressType"] == family]
            found = next((s for s in same if (s.get("ports") or []) == ports), None)
            found = found or next(iter(same), None)
            if found is None:
                new = self._new(service, ports, endpoints) | {"addressType": family}
                self.registry.create(SLICES, new)
            else:
                left.remove(found)
                self._update(found, service, ports, endpoints)
        for piece in left:
            self.registry.delete(SLICES, key.namespace, piece["metadata"]["name"])

    def _new(self, service: Obj, ports: list[Any], endpoints: list[Obj]) -> Obj:
        metadata = service["metadata"]
        return {
            "metadata": {
                "generateName": f"{metadata['name']}-",
                "namespace": metadata["namespace"],
                "labels": self._labels(service),
                "ownerReferences": [reference_to(service)],
            },
            "ports": ports,
            "endpoints": endpoints,
        }

    def _labels(self, service: Obj) -> dict[str, str]:
        labels = {**labels_of(service), SERVICE_LABEL: service["metadata"]["name"]}
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        return labels | {MANAGED_BY: self.manager}

    def _update(self, piece: Obj, service: Obj, ports: list[Any], endpoints: list[Obj]) -> None:
        new: Obj = copied(piece)
        new["metadata"]["labels"] = self._labels(service)
        new["ports"], new["endpoints"] = ports, endpoints
        if new != piece:
            new["metadata"].pop("resourceVersion")
            self.registry.update(SLICES, new)


def _of_family(service: Obj, pods: Iterable[Obj], family: str) -> Wanted:
    groups: dict[str, tuple[list[Any], list[Obj]]] = {}
    for pod in pods:
        ports, address = ports_of(service, pod), pod_address(pod, family)
        if address and (ports or not service["spec"].get("ports")):
            group = groups.setdefault(json.dumps(ports), (ports, []))
            group[1].append(_endpoint(service, pod, address))
    chunks = [
        (family, ports, endpoints[start : start + MOST])
        for ports, endpoints in groups.values()
        for start in range(0, len(endpoints), MOST)
    ]
    return chunks or [(family, [], [])]  # a Service without pods has a slice without endpoints


def _endpoint(service: Obj, pod: Obj, address: str) -> Obj:
    serving, terminating = is_ready(pod), is_going(pod)
    unready_too = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint = {
        "addresses": [address],
        "conditions": {
            "ready": unready_too or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": target_ref(pod),
    }
    return endpoint | (
        {"hostname": pod["spec"]["hostname"]} if has_own_hostname(service, pod) else {}
    )


class MirroredSlices(EndpointSlices):
    """Endpoints that users write for a Service without a selector, as slices."""

    watches = ("services", "endpoints", SLICES)
    manager = MIRROR

    def _is_wanted(self, service: Obj) -> bool:
        metadata = service["metadata"]
        written = self.one("endpoints", metadata["namespace"], metadata["name"])
        if written is None or labels_of(written).get(SKIP_MIRROR) == "true":
            return False
        return not service["spec"].get("selector")

    def _slices(self, service: Obj) -> Wanted:
        metadata = service["metadata"]
        written = self.one("endpoints", metadata["namespace"], metadata["name"]) or {}
        return [
            (family.name, _mirrored_ports(subset), found)
            for subset in written.get("subsets") or []
            for family in BY_NAME.values()
            if (found := _mirrored(subset, family))
        ]


def _mirrored_ports(subset: Obj) -> list[Any]:
    return [
        {"name": p.get("name") or "", "port": p["port"], "protocol": p.get("protocol") or "TCP"}
        for p in subset.get("ports") or []
    ]


def _mirrored(subset: Obj, family: Family) -> list[Obj]:
    sides = (("addresses", True), ("notReadyAddresses", False))
    return [
        {"addresses": [address["ip"]], "conditions": {"ready": ready}}
        for key, ready in sides
        for address in subset.get(key) or []
        if family.is_of(address["ip"])
    ]
