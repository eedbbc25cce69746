"""Addresses and node ports of Services, handed out as the API server does it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from npol.api_rules import addresses
from npol.api_rules.addresses import Network
from npol.api_rules.field_errors import FieldError, go_strings, invalid_value
from npol.api_rules.kinds.service_families import IPS
from npol.api_rules.kinds.services import HEADLESS, has_cluster_ip, has_node_ports
from npol.api_rules.objects import Obj
from npol_lab.families import Family
from npol_lab.registry.service_families import choose_families
from npol_lab.store import Store

FIRST_DYNAMIC = 257
"""The lower part of the range is left to those who ask for an address (KEP-3070)."""
NODE_PORTS = range(30_000, 32_768)


class Allocator:
    """What is in use is read from the Services themselves, so nothing can leak."""

    def __init__(self, store: Store, families: Sequence[Family]) -> None:
        self._store = store
        self._ranges = {family.name: ipaddress.ip_network(family.services) for family in families}
        self._last_ip = dict.fromkeys(self._ranges, FIRST_DYNAMIC - 1)
        self._last_port = NODE_PORTS.start - 1

    def fill(self, service: Obj, old: Obj | None = None) -> list[FieldError]:
        """Give a new or changed Service what its type asks for; the causes say what cannot be."""
        others = self._others(service)
        before = old["spec"] if old and has_cluster_ip(old["spec"]) else None
        causes = self._fill_cluster_ips(service["spec"], before, others)
        causes += self._fill_node_ports(service["spec"], others)
        self._fill_health_port(service["spec"], others)
        return causes

    def _others(self, service: Obj) -> list[Obj]:
        uid = service["metadata"].get("uid")
        return [s["spec"] for s in self._store.list("services") if s["metadata"]["uid"] != uid]

    def _fill_cluster_ips(self, spec: Obj, old: Obj | None, others: list[Obj]) -> list[FieldError]:
        if not has_cluster_ip(spec):
            for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(key, None)
            return []
        causes = choose_families(spec, old, list(self._ranges))
        if causes or spec.get("clusterIP") == HEADLESS:
            return causes
        given = list(spec.get("clusterIPs") or [])
        used = {ip for s in others for ip in s.get("clusterIPs") or []}
        for i, family in enumerate(spec["ipFamilies"]):
            if i == len(given):
                given.append(self._next_ip(family, used))
            else:
                causes += _refused_ip(given[i], given, self._ranges[family], used)
        spec["clusterIP"], spec["clusterIPs"] = given[0], given
        return causes

    def _next_ip(self, family: str, used: set[Any]) -> str:
        network, last = self._ranges[family], self._last_ip[family]
        size = network.num_addresses - 1
        for step in range(1, size):
            offset = FIRST_DYNAMIC + (last + step - FIRST_DYNAMIC) % (size - FIRST_DYNAMIC)
            address = str(network[offset])
            if address not in used:
                self._last_ip[family] = offset
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


def _refused_ip(
    wanted: str, given: list[str], network: Network, used: set[Any]
) -> list[FieldError]:
    why = ""
    if addresses.address(wanted) not in network:
        why = "the provided network does not match the current range"
    elif wanted in used:
        why = "provided IP is already allocated"
    told = f"failed to allocate IP {wanted}: {why}"
    return [invalid_value(IPS, go_strings(given), told)] if why else []


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
