"""Services without endpoints, and the cluster's DNS."""

from __future__ import annotations

from collections.abc import Iterator

from npol import selectors
from npol.diagnose.finding import DoctorFinding, FindingState
from npol.diagnose.reader import ExaminedObjects
from npol.kube.objects import ENDPOINT_SLICES, SERVICES
from npol.model.inventory import Obj
from npol.policy.state.dns import NAMESPACE
from npol.policy.state.dns import SERVICES as DNS_SERVICES
from npol.run.checks.endpoints import ports_of, ready_addresses, slices_of

TOPIC, DNS = "endpoints", "DNS"


def services(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    """Every Service that selects pods has a ready one on some port."""
    if seen.hidden(SERVICES) or seen.hidden(ENDPOINT_SLICES):
        return
    mine = [
        s
        for s in seen.inventory.services
        if s["metadata"]["namespace"] in seen.examined and s["spec"].get("selector")
    ]
    dead = [s for s in mine if not _ready(seen, s)]
    for service in dead:
        yield DoctorFinding(
            TOPIC, FindingState.PROBLEM, _dead(seen, service), _remedy(seen, service)
        )
    if mine and not dead:
        text = f"{len(mine)} Service{'s' if len(mine) > 1 else ''} with ready endpoints"
        yield DoctorFinding(TOPIC, FindingState.OK, text)


def _ready(seen: ExaminedObjects, service: Obj) -> set[str]:
    """Addresses on a port: without a port, as where targetPort names none, nothing answers."""
    meta = service["metadata"]
    slices = slices_of(seen.inventory, meta["namespace"], meta["name"])
    answers = ports_of(slices) or not service["spec"].get("ports")
    return ready_addresses(slices) if answers else set()


def _dead(seen: ExaminedObjects, service: Obj) -> str:
    meta = service["metadata"]
    return f"Service {meta['namespace']}/{meta['name']} has no ready endpoint"


def _remedy(seen: ExaminedObjects, service: Obj) -> str:
    """Whether nothing is selected, or what is selected is not Ready."""
    meta, selector = service["metadata"], {"matchLabels": service["spec"]["selector"]}
    pods = [
        p["metadata"]["name"]
        for p in seen.inventory.pods_of(meta["namespace"])
        if selectors.matches(selector, p["metadata"].get("labels") or {})
    ]
    if not pods:
        return f"no running pod there has {selectors.spell(selector)}"
    return f"kubectl -n {meta['namespace']} describe pod {pods[0]}; is its port a containerPort?"


def dns(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    """The Service that names are asked of; whether it answers, a story asks."""
    if seen.hidden(SERVICES) or seen.hidden(ENDPOINT_SLICES):
        return
    found = (seen.inventory.service(NAMESPACE, name) for name in DNS_SERVICES)
    service = next((s for s in found if s), None)
    if service is None:
        known = ", ".join(DNS_SERVICES)
        text = f"no Service of {NAMESPACE} is one of {known}"
        yield DoctorFinding(
            DNS, FindingState.UNVERIFIED, text, "which address has a pod's /etc/resolv.conf?"
        )
        return
    name = f"Service {NAMESPACE}/{service['metadata']['name']}"
    ready = len(_ready(seen, service))
    if ready:
        yield DoctorFinding(
            DNS, FindingState.OK, f"{name}: {ready} ready endpoint{'s' if ready > 1 else ''}"
        )
    else:
        hint = f"no name resolves: kubectl -n {NAMESPACE} get pods -l k8s-app=kube-dns"
        yield DoctorFinding(DNS, FindingState.PROBLEM, f"{name} has no ready endpoint", hint)
