"""Services, their EndpointSlices and the Ingresses that lead to them, as objects tell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npol.policy.objects.entities import (
    Endpoint,
    IngressRule,
    Service,
    ServicePort,
)
from npol.policy.parse.field_values import addresses_of, labels_of, protocol_of, strings
from npol.policy.parse.object_source import Source, items, mapping


def service(source: Source, default_namespace: str) -> Service:
    spec = source.spec
    selector = spec.get("selector")
    addresses = items(spec.get("clusterIPs")) or [spec.get("clusterIP")]
    return Service(
        namespace=source.namespace(default_namespace),
        name=source.name,
        ports=tuple(_service_port(mapping(p)) for p in items(spec.get("ports"))),
        selector=strings(selector) if selector else None,
        labels=labels_of(source.metadata),
        type=str(spec.get("type") or "ClusterIP"),
        addresses=addresses_of(addresses),
        families=_families(spec),
        external_addresses=addresses_of(_external(source)),
        headless=spec.get("clusterIP") == "None",
        external_name=str(spec.get("externalName") or ""),
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        keeps_client_address=spec.get("externalTrafficPolicy") == "Local",
        allocates_node_ports=spec.get("allocateLoadBalancerNodePorts") is not False,
        at=source.at(),
    )


def _families(spec: Mapping[str, Any]) -> tuple[int, ...]:
    if spec.get("ipFamilyPolicy") == "RequireDualStack":
        return (4, 6)
    versions = {"IPv4": 4, "IPv6": 6}
    return tuple(versions[f] for f in items(spec.get("ipFamilies")) if f in versions)


def _external(source: Source) -> list[object]:
    """
    externalIPs, and the load balancer's addresses but those of `ipMode: Proxy`, whose packets
    leave the node (KEP-1860).
    """
    status = mapping(mapping(source.body.get("status")).get("loadBalancer"))
    given = [mapping(i) for i in items(status.get("ingress"))]
    balanced = [i.get("ip") for i in given if i.get("ip") and i.get("ipMode") != "Proxy"]
    return [*items(source.spec.get("externalIPs")), *balanced]


def endpoints(source: Source) -> tuple[Endpoint, ...]:
    """The addresses of one EndpointSlice."""
    ports = {
        str(mapping(p).get("name") or ""): int(mapping(p)["port"])
        for p in items(source.body.get("ports"))
        if isinstance(mapping(p).get("port"), int)
    }
    found = []
    for endpoint in map(mapping, items(source.body.get("endpoints"))):
        ready = mapping(endpoint.get("conditions")).get("ready") is not False
        pod = str(mapping(endpoint.get("targetRef")).get("uid") or "")
        for address in addresses_of(items(endpoint.get("addresses"))):
            found.append(Endpoint(address, ports, ready, pod))
    return tuple(found)


def ingress_rules(source: Source, default_namespace: str) -> tuple[IngressRule, ...]:
    """The rules of an Ingress, its default backend last."""
    namespace = source.namespace(default_namespace)
    found = [
        _ingress_rule(namespace, str(rule.get("host") or ""), mapping(path))
        for rule in map(mapping, items(source.spec.get("rules")))
        for path in items(mapping(rule.get("http")).get("paths"))
    ]
    found.append(_ingress_rule(namespace, "", {"backend": source.spec.get("defaultBackend")}))
    return tuple(rule for rule in found if rule.service)


def _ingress_rule(namespace: str, host: str, entry: Mapping[str, Any]) -> IngressRule:
    service = mapping(mapping(entry.get("backend")).get("service"))
    port = mapping(service.get("port"))
    return IngressRule(
        namespace=namespace,
        service=str(service.get("name") or ""),
        port=port.get("number") or str(port.get("name") or ""),
        host=host,
        path=str(entry.get("path") or "/"),
    )


def _service_port(port: Mapping[str, Any]) -> ServicePort:
    number = port.get("port") if isinstance(port.get("port"), int) else 0
    target = port.get("targetPort") or number
    return ServicePort(
        port=int(number or 0),
        target=target if isinstance(target, int) else str(target),
        protocol=protocol_of(port.get("protocol")),
        name=str(port.get("name") or ""),
        node_port=node_port if isinstance(node_port := port.get("nodePort"), int) else 0,
    )
