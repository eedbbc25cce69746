"""Columns of Services, endpoints, ingresses and policies."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol_lab.api.tables.column import AGE, NAME, NONE, Column, at, joined, selector

SHOWN = 3
"""Endpoints that are listed before `+ N more...`."""
UNSET = "<unset>"


def _service_ports(service: Obj) -> str:
    parts = []
    for port in service["spec"].get("ports") or []:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        parts.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return joined(parts)


def _external_ip(service: Obj) -> str:
    spec = service["spec"]
    given = spec.get("externalIPs") or []
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") != "LoadBalancer":
        return joined(given)
    points = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    found = [p.get("ip") or p.get("hostname", "") for p in points]
    return joined([*found, *given], empty="<pending>")


def _endpoints(obj: Obj) -> str:
    pairs = []
    for subset in obj.get("subsets") or []:
        addresses = [a["ip"] for a in subset.get("addresses") or []]
        ports = subset.get("ports") or []
        if not ports:
            pairs += addresses
        pairs += [f"{ip}:{p['port']}" for p in ports for ip in addresses]
    return _some(pairs)


def _some(values: list[str]) -> str:
    if not values:
        return NONE
    more = len(values) - SHOWN
    return ",".join(values[:SHOWN]) + (f" + {more} more..." if more > 0 else "")


def _slice_ports(obj: Obj) -> str:
    ports = obj.get("ports")
    if not ports:
        return UNSET if ports is None else "*"
    return _some([str(p.get("port", "*")) for p in ports])


def _slice_endpoints(obj: Obj) -> str:
    addresses = [a for e in obj.get("endpoints") or [] for a in e.get("addresses") or []]
    return _some(addresses) if addresses else UNSET


def _ingress_hosts(obj: Obj) -> str:
    hosts = [r["host"] for r in obj["spec"].get("rules") or [] if r.get("host")]
    more = len(hosts) - SHOWN
    return joined(hosts[:SHOWN], empty="*") + (f" + {more} more..." if more > 0 else "")


def _ingress_address(obj: Obj) -> str:
    points = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return joined((p.get("ip") or p.get("hostname", "") for p in points), empty="")


def _ingress_parameters(obj: Obj) -> str:
    given = obj.get("spec", {}).get("parameters")
    if not given:
        return NONE
    group = f".{given['apiGroup']}" if given.get("apiGroup") else ""
    return f"{given['kind']}{group}/{given['name']}"


NETWORK: dict[str, tuple[Column, ...]] = {
    "services": (
        NAME,
        Column("Type", at("spec", "type")),
        Column("Cluster-IP", lambda o: o["spec"].get("clusterIP") or NONE),
        Column("External-IP", _external_ip),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", lambda o: selector(o["spec"].get("selector")), True),
    ),
    "endpoints": (NAME, Column("Endpoints", _endpoints), AGE),
    "endpointslices.discovery.k8s.io": (
        NAME,
        Column("AddressType", at("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_endpoints),
        AGE,
    ),
    "networkpolicies.networking.k8s.io": (
        NAME,
        Column("Pod-Selector", lambda o: selector(o["spec"].get("podSelector"))),
        AGE,
    ),
    "ingresses.networking.k8s.io": (
        NAME,
        Column("Class", at("spec", "ingressClassName", default=NONE)),
        Column("Hosts", _ingress_hosts),
        Column("Address", _ingress_address),
        Column("Ports", lambda o: "80, 443" if o["spec"].get("tls") else "80"),
        AGE,
    ),
    "ingressclasses.networking.k8s.io": (
        NAME,
        Column("Controller", at("spec", "controller")),
        Column("Parameters", _ingress_parameters),
        AGE,
    ),
}
