"""All controllers of a lab."""

from __future__ import annotations

from harness.lab.controllers.controller import Controller
from harness.lab.controllers.daemonsets import DaemonSets
from harness.lab.controllers.deployments import Deployments
from harness.lab.controllers.endpoints import Endpoints
from harness.lab.controllers.endpointslices import EndpointSlices, MirroredSlices
from harness.lab.controllers.garbage import GarbageCollector
from harness.lab.controllers.ingresses import Ingresses
from harness.lab.controllers.jobs import Jobs
from harness.lab.controllers.namespaces import Namespaces, RootCertificates, ServiceAccounts
from harness.lab.controllers.replicasets import ReplicaSets
from harness.lab.controllers.scheduler import Scheduler
from harness.lab.controllers.statefulsets import StatefulSets
from harness.lab.registry import Registry


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
        Scheduler(registry),
        EndpointSlices(registry),
        MirroredSlices(registry),
        Endpoints(registry),
        Ingresses(registry),
        GarbageCollector(registry),
        Namespaces(registry),
    ]
