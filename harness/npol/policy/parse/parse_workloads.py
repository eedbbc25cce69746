"""Pods, namespaces, Services and nodes out of manifests and API objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from npol.model.peer_selection import FINISHED, may_be_named, owning_workload
from npol.policy.objects.entities import (
    NAME_LABEL,
    ContainerPort,
    Namespace,
    Node,
    Pod,
)
from npol.policy.objects.netpol_types import Address
from npol.policy.parse.field_values import addresses_of, labels_of, protocol_of
from npol.policy.parse.object_source import Source, items, mapping

SCRAPE_PORT = "prometheus.io/port"
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def namespace(source: Source) -> Namespace:
    labels = {**labels_of(source.metadata), NAME_LABEL: source.name}
    return Namespace(name=source.name, labels=labels, at=source.at())


def pod(source: Source, default_namespace: str) -> Pod:
    spec, status = source.spec, mapping(source.body.get("status"))
    phase = status.get("phase")
    return Pod(
        namespace=source.namespace(default_namespace),
        name=source.name,
        labels=labels_of(source.metadata),
        addresses=_pod_addresses(status),
        node=str(spec.get("nodeName") or ""),
        host_network=bool(spec.get("hostNetwork")),
        ports=_container_ports(spec),
        ports_besides=_ports_besides(source.metadata, spec),
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
        own_dns=_own_dns(spec),
        at=source.at(),
    )


def _is_ready(source: Source, status: Mapping[str, Any]) -> bool:
    """A pod without a status is one that is yet to be made: it will be ready."""
    if source.metadata.get("deletionTimestamp"):
        return False
    if not status:
        return True
    conditions = [mapping(c) for c in items(status.get("conditions"))]
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def pods_of(source: Source, default_namespace: str) -> Iterator[Pod]:
    """
    What a workload's template becomes: two pods stand for all replicas, if there are more.

    None of what the API server refuses for want of a selector and labels: it is a part of a
    workload, which a patch lays over the rest.
    """
    spec = source.spec
    if source.kind == "CronJob":
        spec = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    template = mapping(spec.get("template"))
    labels = labels_of(mapping(template.get("metadata")))
    if source.group == "apps" and not (spec.get("selector") or labels):
        return
    replicas = spec.get("replicas", 1)
    count = 2 if source.kind == "DaemonSet" else replicas if isinstance(replicas, int) else 1
    pod_spec = mapping(template.get("spec"))
    for number in range(min(count, 2)):
        yield Pod(
            namespace=source.namespace(default_namespace),
            name=f"{source.name}-{number}",
            labels={**_by_controller(source), **labels},
            host_network=bool(pod_spec.get("hostNetwork")),
            ports=_container_ports(pod_spec),
            ports_besides=_ports_besides(mapping(template.get("metadata")), pod_spec),
            configs=_configs(pod_spec),
            containers=_container_names(pod_spec),
            priority_class=str(pod_spec.get("priorityClassName") or ""),
            service_account=str(pod_spec.get("serviceAccountName") or ""),
            own_dns=_own_dns(pod_spec),
            workload=workload_of(source),
            promised=True,
            at=source.at(),
        )


def _own_dns(spec: Mapping[str, Any]) -> bool:
    """`ClusterFirst`, the default, means the node's name servers on the host network."""
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    of_node = policy == "ClusterFirst" and bool(spec.get("hostNetwork"))
    return of_node or policy in ("Default", "None")


def _by_controller(source: Source) -> dict[str, str]:
    """What the Job controller labels its pods with; a CronJob's Jobs have a number behind."""
    name = {"Job": source.name, "CronJob": f"{source.name}-0"}.get(source.kind)
    return {"job-name": name, "batch.kubernetes.io/job-name": name} if name else {}


def workload_of(source: Source) -> str:
    return f"{source.kind.lower()}/{source.name}"


def owner_of(source: Source) -> str:
    """The workload that made an object; "" for none."""
    return owning_workload(map(mapping, items(source.metadata.get("ownerReferences"))))


def node(source: Source) -> Node:
    listed = [mapping(a) for a in items(mapping(source.body.get("status")).get("addresses"))]
    internal = addresses_of([a.get("address") for a in listed if a.get("type") == "InternalIP"])
    external = addresses_of([a.get("address") for a in listed if a.get("type") == "ExternalIP"])
    return Node(
        name=source.name,
        addresses=(*internal, *external),
        internal=internal,
        tainted=bool(source.spec.get("taints")),
        control_plane=_CONTROL_PLANE in labels_of(source.metadata),
        labels=labels_of(source.metadata),
    )


def _pod_addresses(status: Mapping[str, Any]) -> tuple[Address, ...]:
    listed = [mapping(entry).get("ip") for entry in items(status.get("podIPs"))]
    return addresses_of(listed or [status.get("podIP")])


def _container_ports(spec: Mapping[str, Any]) -> tuple[ContainerPort, ...]:
    """Ports of the containers, and of init containers that stay (sidecars, KEP-753)."""
    sidecars = [
        c for c in items(spec.get("initContainers")) if mapping(c).get("restartPolicy") == "Always"
    ]
    return tuple(
        ContainerPort(
            number=int(port["containerPort"]),
            protocol=protocol_of(port.get("protocol")),
            name=str(port.get("name") or ""),
        )
        for container in (*items(spec.get("containers")), *sidecars)
        for port in map(mapping, items(mapping(container).get("ports")))
        if isinstance(port.get("containerPort"), int)
    )


def _ports_besides(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> frozenset[int]:
    """Numbers that its probes ask and its annotations for Prometheus name."""
    annotation = str(mapping(metadata.get("annotations")).get(SCRAPE_PORT))
    asked = (
        mapping(mapping(mapping(container).get(probe)).get(how)).get("port")
        for container in items(spec.get("containers"))
        for probe in ("readinessProbe", "livenessProbe", "startupProbe")
        for how in ("httpGet", "tcpSocket", "grpc")
    )
    scraped = [int(annotation)] if annotation.isdecimal() else []
    return frozenset([*(port for port in asked if isinstance(port, int)), *scraped])


def _container_names(spec: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(mapping(c).get("name") or "") for c in items(spec.get("containers")))


def _configs(spec: Mapping[str, Any]) -> tuple[str, ...]:
    named = (mapping(mapping(v).get("configMap")).get("name") for v in items(spec.get("volumes")))
    return tuple(str(name) for name in named if name)


def config_texts(source: Source) -> tuple[str, ...]:
    """The files of a ConfigMap."""
    return tuple(t for t in mapping(source.body.get("data")).values() if isinstance(t, str))
