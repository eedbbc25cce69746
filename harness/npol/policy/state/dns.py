"""The cluster's DNS as far as policies are concerned: a Service that every name needs."""

from __future__ import annotations

from npol.model.story import Protocol
from npol.policy.objects.entities import ContainerPort, End, Pod, Service, ServicePort, Traffic
from npol.policy.state.cluster_state import ClusterState

NAMESPACE = "kube-system"
SERVICES = ("kube-dns", "coredns", "rke2-coredns-rke2-coredns", "dns-default")
LABEL = ("k8s-app", "kube-dns")
PORT = 53


def dns_service(world: ClusterState) -> Service | None:
    """
    The Service that pods' resolv.conf points at.

    Its name and namespace are conventions of installers (OpenShift's is dns-default in
    openshift-dns, its pods listen on 5353); what is left is one of kube-system on port 53.
    """
    named = (world.service(NAMESPACE, name) for name in SERVICES)
    elsewhere = (s for s in world.services if s.name in SERVICES and _answers_names(s))
    others = (s for s in world.services if s.namespace == NAMESPACE and _answers_names(s))
    return next((s for s in (*named, *elsewhere, *others) if s), None)


def _answers_names(service: Service) -> bool:
    return any(p.port == PORT and p.protocol is Protocol.UDP for p in service.ports)


def dns_traffic(
    world: ClusterState, source: End, protocol: Protocol = Protocol.UDP
) -> Traffic | None:
    """The packets behind every look-up of a source; None where nobody knows whom it asks."""
    service = dns_service(world)
    if service is None or (isinstance(source, Pod) and source.own_dns):
        return None
    return Traffic(source=source, target=service, port=PORT, protocol=protocol)


def with_dns(world: ClusterState) -> ClusterState:
    """The world with the DNS that every cluster has, for manifests that do not show it."""
    if dns_service(world):
        return world
    protocols = (Protocol.UDP, Protocol.TCP)
    service = Service(
        namespace=NAMESPACE,
        name=SERVICES[0],
        selector=dict([LABEL]),
        ports=tuple(
            ServicePort(port=PORT, target=PORT, protocol=p, name=p.value) for p in protocols
        ),
    )
    pod = Pod(
        namespace=NAMESPACE,
        name="coredns",
        labels=dict([LABEL]),
        ports=tuple(ContainerPort(PORT, p, f"dns-{p.value}") for p in protocols),
        promised=True,
    )
    return world.with_pods([pod]).with_services([service])
