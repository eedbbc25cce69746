"""Services without endpoints, and the cluster's DNS."""

from __future__ import annotations

from collections.abc import Iterator

from npol import selectors
from npol.diagnose.finding import DoctorFinding, FindingState
from npol.diagnose.reader import ExaminedObjects
from npol.kube.objects import ENDPOINT_SLICES, SERVICES
from npol.policy.objects.entities import Service
from npol.policy.objects.netpol_types import Address
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import NAMESPACE, dns_service
from npol.policy.state.dns import SERVICES as DNS_SERVICES
from npol.policy.state.service_backends import backends_of
from npol.run.checks.endpoints import ports_of, ready_addresses

TOPIC, DNS = "endpoints", "DNS"


def services(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    """Every Service that selects pods has a ready one on some port."""
    if seen.hidden(SERVICES) or seen.hidden(ENDPOINT_SLICES):
        return
    state = seen.state
    mine = [s for s in state.services if s.namespace in seen.examined and s.selector]
    dead = [s for s in mine if not _ready(state, s)]
    for service in dead:
        text = f"{service} has no ready endpoint"
        yield DoctorFinding(TOPIC, FindingState.PROBLEM, text, _remedy(state, service))
    if mine and not dead:
        text = f"{len(mine)} Service{'s' if len(mine) > 1 else ''} with ready endpoints"
        yield DoctorFinding(TOPIC, FindingState.OK, text)


def _ready(state: ClusterState, service: Service) -> set[Address]:
    """Addresses on a port: without a port, as where targetPort names none, nothing answers."""
    listed = state.endpoints_of(service.namespace, service.name)
    return ready_addresses(listed) if ports_of(listed) or not service.ports else set()


def _remedy(state: ClusterState, service: Service) -> str:
    """Whether nothing is selected, or what is selected is not Ready."""
    pods = [p for p in backends_of(state, service) if p.may_be_named]
    if not pods:
        selector = selectors.spell({"matchLabels": service.selector or {}})
        return f"no running pod there has {selector}"
    described = f"kubectl -n {service.namespace} describe pod {pods[0].name}"
    return f"{described}; is its port a containerPort?"


def dns(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    """The Service that names are asked of; whether it answers, a story asks."""
    if seen.hidden(SERVICES) or seen.hidden(ENDPOINT_SLICES):
        return
    service = dns_service(seen.state)
    if service is None:
        known = ", ".join(DNS_SERVICES)
        text = f"no Service of {NAMESPACE} is one of {known}"
        yield DoctorFinding(
            DNS, FindingState.UNVERIFIED, text, "which address has a pod's /etc/resolv.conf?"
        )
        return
    ready = len(_ready(seen.state, service))
    if ready:
        yield DoctorFinding(
            DNS, FindingState.OK, f"{service}: {ready} ready endpoint{'s' if ready > 1 else ''}"
        )
    else:
        hint = f"no name resolves: kubectl -n {NAMESPACE} get pods -l k8s-app=kube-dns"
        yield DoctorFinding(DNS, FindingState.PROBLEM, f"{service} has no ready endpoint", hint)
