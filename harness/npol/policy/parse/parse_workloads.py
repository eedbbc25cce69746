"""Pods, namespaces, Services and nodes out of manifests and API objects."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from npol.model.peer_selection import FINISHED, may_be_named, owning_workload
from npol.model.story import Protocol
from npol.policy.objects.entities import (
    NAME_LABEL,
    ContainerPort,
    Endpoint,
    IngressRule,
    Namespace,
    Node,
    Pod,
    Service,
    ServicePort,
)
from npol.policy.objects.netpol_types import Address
from npol.policy.parse.object_source import Source, items, mapping
from npol.selectors import Labels

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def namespace(source: Source) -> Namespace:
    labels = {**_labels(source.metadata), NAME_LABEL: source.name}
    return Namespace(name=source.name, labels=labels, at=source.at())


def pod(source: Source, default_namespace: str) -> Pod:
    spec, status = source.spec, mapping(source.body.get("status"))
    phase = status.get("phase")
    return Pod(
        namespace=source.namespace(default_namespace),
        name=source.name,
        labels=_labels(source.metadata),
        addresses=_pod_addresses(status),
        node=str(spec.get("nodeName") or ""),
        host_network=bool(spec.get("hostNetwork")),
        ports=_container_ports(spec),
        configs=_configs(spec),
        finished=phase in FINISHED,
        may_be_named=may_be_named(source.metadata, phase),
        ready=_is_ready(source, status),
        workload=owner_of(source),
        made_by=owner_of(source),
        uid=str(source.metadata.get("uid") or ""),
        containers=_container_names(spec),
        priority_class=str(spec.get("priorityClassName") or ""),
        service_account=str(spec.get("serviceAccountName") or ""),
        at=source.at(),
    )


def pods_of(source: Source, default_namespace: str) -> Iterator[Pod]:
    """What a workload's template becomes: two pods stand for all replicas, if there are more."""
    spec = source.spec
    if source.kind == "CronJob":
        spec = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    template = mapping(spec.get("template"))
    replicas = spec.get("replicas", 1)
    count = 2 if source.kind == "DaemonSet" else replicas if isinstance(replicas, int) else 1
    pod_spec = mapping(template.get("spec"))
    for number in range(min(count, 2)):
        yield Pod(
            namespace=source.namespace(default_namespace),
            name=f"{source.name}-{number}",
            labels=_labels(mapping(template.get("metadata"))),
            host_network=bool(pod_spec.get("hostNetwork")),
            ports=_container_ports(pod_spec),
            configs=_configs(pod_spec),
            containers=_container_names(pod_spec),
            priority_class=str(pod_spec.get("priorityClassName") or ""),
            service_account=str(pod_spec.get("serviceAccountName") or ""),
            workload=workload_of(source),
            promised=True,
            at=source.at(),
        )


def workload_of(source: Source) -> str:
    return f"{source.kind.lower()}/{source.name}"


def owner_of(source: Source) -> str:
    """The workload that made an object; "" for none."""
    return owning_workload(map(mapping, items(source.metadata.get("ownerReferences"))))


def service(source: Source, default_namespace: str) -> Service:
    spec = source.spec
    selector = spec.get("selector")
    addresses = items(spec.get("clusterIPs")) or [spec.get("clusterIP")]
    return Service(
        namespace=source.namespace(default_namespace),
        name=source.name,
        ports=tuple(_service_port(mapping(p)) for p in items(spec.get("ports"))),
        selector=_strings(selector) if selector else None,
        labels=_labels(source.metadata),
        type=str(spec.get("type") or "ClusterIP"),
        addresses=_addresses(addresses),
        families=_families(spec),
        external_addresses=_addresses(_external(source)),
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


def node(source: Source) -> Node:
    listed = [mapping(a) for a in items(mapping(source.body.get("status")).get("addresses"))]
    internal = _addresses([a.get("address") for a in listed if a.get("type") == "InternalIP"])
    external = _addresses([a.get("address") for a in listed if a.get("type") == "ExternalIP"])
    return Node(
        name=source.name,
        addresses=(*internal, *external),
        internal=internal,
        tainted=bool(source.spec.get("taints")),
        control_plane=_CONTROL_PLANE in _labels(source.metadata),
        labels=_labels(source.metadata),
    )


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
        for address in _addresses(items(endpoint.get("addresses"))):
            found.append(Endpoint(address, ports, ready, pod))
    return tuple(found)


def labels(source: Source) -> Labels:
    return _labels(source.metadata)


def _labels(metadata: Mapping[str, Any]) -> Labels:
    return _strings(metadata.get("labels"))


def _strings(value: Any) -> dict[str, str]:
    """Labels whose values are strings: the API server takes no others."""
    return {k: v for k, v in mapping(value).items() if isinstance(v, str)}


def _addresses(texts: list[Any]) -> tuple[Address, ...]:
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_address(str(text)))  # a number is no address
        except ValueError:  # None, "" or "None"
            continue
    return tuple(found)


def _pod_addresses(status: Mapping[str, Any]) -> tuple[Address, ...]:
    listed = [mapping(entry).get("ip") for entry in items(status.get("podIPs"))]
    return _addresses(listed or [status.get("podIP")])


def _is_ready(source: Source, status: Mapping[str, Any]) -> bool:
    """A pod without a status is one that is yet to be made: it will be ready."""
    if source.metadata.get("deletionTimestamp"):
        return False
    if not status:
        return True
    conditions = [mapping(c) for c in items(status.get("conditions"))]
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _container_ports(spec: Mapping[str, Any]) -> tuple[ContainerPort, ...]:
    """Ports of the containers, and of init containers that stay (sidecars, KEP-753)."""
    sidecars = [
        c for c in items(spec.get("initContainers")) if mapping(c).get("restartPolicy") == "Always"
    ]
    return tuple(
        ContainerPort(
            number=int(port["containerPort"]),
            protocol=_protocol(port.get("protocol")),
            name=str(port.get("name") or ""),
        )
        for container in (*items(spec.get("containers")), *sidecars)
        for port in map(mapping, items(mapping(container).get("ports")))
        if isinstance(port.get("containerPort"), int)
    )


def _container_names(spec: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(mapping(c).get("name") or "") for c in items(spec.get("containers")))


def _configs(spec: Mapping[str, Any]) -> tuple[str, ...]:
    named = (mapping(mapping(v).get("configMap")).get("name") for v in items(spec.get("volumes")))
    return tuple(str(name) for name in named if name)


def config_texts(source: Source) -> tuple[str, ...]:
    """The files of a ConfigMap."""
    return tuple(t for t in mapping(source.body.get("data")).values() if isinstance(t, str))


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
        protocol=_protocol(port.get("protocol")),
        name=str(port.get("name") or ""),
        node_port=node_port if isinstance(node_port := port.get("nodePort"), int) else 0,
    )


def _protocol(word: Any) -> Protocol:
    return Protocol.__members__.get(str(word or "TCP"), Protocol.TCP)
