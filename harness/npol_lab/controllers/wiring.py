"""All controllers of a lab."""

from __future__ import annotations

from npol_lab.controllers.claims import Claims
from npol_lab.controllers.controller import Controller
from npol_lab.controllers.daemonsets import DaemonSets
from npol_lab.controllers.deployments import Deployments
from npol_lab.controllers.endpoints import Endpoints
from npol_lab.controllers.endpointslices import EndpointSlices, MirroredSlices
from npol_lab.controllers.ephemeral_claims import EphemeralClaims
from npol_lab.controllers.garbage import GarbageCollector
from npol_lab.controllers.ingresses import Ingresses
from npol_lab.controllers.jobs import Jobs
from npol_lab.controllers.namespaces import Namespaces, RootCertificates, ServiceAccounts
from npol_lab.controllers.replicasets import ReplicaSets
from npol_lab.controllers.scheduler import Scheduler
from npol_lab.controllers.statefulsets import StatefulSets
from npol_lab.registry import Registry


def controllers(registry: Registry, *, ca: str) -> list[Controller]:
    """
    One of each, to be run as tasks.

    Args:
        ca: PEM of the API server's certificate authority.
    """
    return [
        ServiceAccounts(registry),
        RootCertificates(registry, ca=ca),
        Deployments(registry),
        ReplicaSets(registry),
        DaemonSets(registry),
        StatefulSets(registry),
        Jobs(registry),
        Claims(registry),
        EphemeralClaims(registry),
        Scheduler(registry),
        EndpointSlices(registry),
        MirroredSlices(registry),
        Endpoints(registry),
        Ingresses(registry),
        GarbageCollector(registry),
        Namespaces(registry),
    ]
