"""Addresses and node ports of Services, handed out as the API server does it."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from npol.api_rules.field_errors import FieldError, Raw, invalid_value
from npol.api_rules.kinds.services import HEADLESS, has_cluster_ip, has_node_ports
from npol.api_rules.objects import Obj
from npol_lab.store import Store

SERVICE_RANGE = ipaddress.ip_network("10.96.0.0/16")
FIRST_DYNAMIC = 257
"""The lower part of the range is left to those who ask for an address (KEP-3070)."""
NODE_PORTS = range(30_000, 32_768)


class Allocator:
    """What is in use is read from the Services themselves, so nothing can leak."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last_ip = FIRST_DYNAMIC - 1
        self._last_port = NODE_PORTS.start - 1

    def fill(self, service: Obj) -> list[FieldError]:
        """Give a new or changed Service what its type asks for; the causes say what cannot be."""
        others = self._others(service)
        causes = self._fill_cluster_ip(service["spec"], others)
        causes += self._fill_node_ports(service["spec"], others)
        self._fill_health_port(service["spec"], others)
        return causes

    def _others(self, service: Obj) -> list[Obj]:
        uid = service["metadata"].get("uid")
        return [s["spec"] for s in self._store.list("services") if s["metadata"]["uid"] != uid]

    def _fill_cluster_ip(self, spec: Obj, others: list[Obj]) -> list[FieldError]:
        if not has_cluster_ip(spec):
            for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(key, None)
            return []
        _choose_families(spec)
        wanted = spec.get("clusterIP") or (spec.get("clusterIPs") or [""])[0]
        used = {s.get("clusterIP") for s in others}
        causes = []
        if not wanted:
            wanted = self._next_ip(used)
        elif wanted != HEADLESS:
            causes = _refused_ip(wanted, used)
        spec["clusterIP"], spec["clusterIPs"] = wanted, [wanted]
        return causes

    def _next_ip(self, used: set[Any]) -> str:
        size = SERVICE_RANGE.num_addresses - 1
        for step in range(1, size):
            offset = FIRST_DYNAMIC + (self._last_ip + step - FIRST_DYNAMIC) % (size - FIRST_DYNAMIC)
            address = str(SERVICE_RANGE[offset])
            if address not in used:
                self._last_ip = offset
                return address
        raise AssertionError("65,000 Services do not fit into a lab")

    def _fill_node_ports(self, spec: Obj, others: list[Obj]) -> list[FieldError]:
        ports = spec.get("ports") or []
        if not has_node_ports(spec):
            return []
        if spec.get("allocateLoadBalancerNodePorts") is False:
            return []
        used = {(p.get("nodePort"), p["protocol"]) for s in others for p in s.get("ports") or []}
        used |= {(s.get("healthCheckNodePort"), "TCP") for s in others}
        causes: list[FieldError] = []
        for i, port in enumerate(ports):
            if port.get("nodePort"):
                taken = (port["nodePort"], port["protocol"]) in used
                causes += _refused_port(port["nodePort"], f"spec.ports[{i}].nodePort", taken)
            else:
                port["nodePort"] = self._next_port({number for number, _ in used})
            used.add((port["nodePort"], port["protocol"]))
        return causes

    def _fill_health_port(self, spec: Obj, others: list[Obj]) -> None:
        """Where a load balancer asks a node whether it has pods of the Service."""
        if (spec.get("type"), spec.get("externalTrafficPolicy")) != ("LoadBalancer", "Local"):
            spec.pop("healthCheckNodePort", None)
        elif not spec.get("healthCheckNodePort"):
            every = [spec, *others]
            used = {p.get("nodePort") for s in every for p in s.get("ports") or []}
            used |= {s.get("healthCheckNodePort") for s in every}
            spec["healthCheckNodePort"] = self._next_port(used)

    def _next_port(self, used: set[Any]) -> int:
        for step in range(1, len(NODE_PORTS) + 1):
            index = (self._last_port + step - NODE_PORTS.start) % len(NODE_PORTS)
            if NODE_PORTS[index] not in used:
                self._last_port = NODE_PORTS[index]
                return self._last_port
        raise AssertionError("2,768 node ports do not fit into a lab")


def _choose_families(spec: Obj) -> None:
    """A headless Service without a selector is somebody else's, and may have both."""
    bare = spec.get("clusterIP") == HEADLESS and not spec.get("selector")
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if bare else "SingleStack")
    spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if bare else ["IPv4"])


def _refused_ip(wanted: str, used: set[Any]) -> list[FieldError]:
    shown = Raw(f"[]string{{{json.dumps(wanted)}}}")
    try:
        address = ipaddress.ip_address(wanted)
    except ValueError:
        rule = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        return [invalid_value("spec.clusterIPs[0]", wanted, rule)]
    if address not in SERVICE_RANGE:
        why = (
            f"failed to allocate IP {wanted}: the provided network does not match the current range"
        )
        return [invalid_value("spec.clusterIPs", shown, why)]
    if wanted in used:
        why = f"failed to allocate IP {wanted}: provided IP is already allocated"
        return [invalid_value("spec.clusterIPs", shown, why)]
    return []


def _refused_port(port: int, field: str, taken: bool) -> list[FieldError]:
    if taken:
        return [invalid_value(field, port, "provided port is already allocated")]
    if port not in NODE_PORTS:
        first, last = NODE_PORTS.start, NODE_PORTS.stop - 1
        rule = (
            f"provided port is not in the valid range. The range of valid ports is {first}-{last}"
        )
        return [invalid_value(field, port, rule)]
    return []
