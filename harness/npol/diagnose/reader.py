"""Reads what an examination looks at, as far as it may be read."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from npol.cni.catalogue import Engine
from npol.errors import InputError
from npol.kube.api_errors import ApiError, Forbidden
from npol.kube.connection import Connection
from npol.kube.guard import STATE_NAMESPACE, protected
from npol.kube.inventory import read_templates
from npol.kube.objects import (
    ENDPOINT_SLICES,
    NAMESPACES,
    NETWORK_POLICIES,
    PODS,
    SERVICES,
    Resource,
)
from npol.kube.rbac import SYSTEM
from npol.kube.resource_names import resource_called
from npol.model.inventory import Inventory, Obj
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.from_inventory import cluster_state

COMPONENTS = (
    SYSTEM,
    "calico-*",
    "tigera-operator",
    "cilium*",
    "kube-flannel",
    "kyverno",
    "gatekeeper-system",
    "argocd",
    "flux-system",
)
"""Where the parts live that enforce, change or revert policies."""
CUSTOM = (
    "clusterpolicy.kyverno.io",
    "policy.kyverno.io",
    "validatingpolicy.policies.kyverno.io",
    "mutatingpolicy.policies.kyverno.io",
    "generatingpolicy.policies.kyverno.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "mutatingadmissionpolicies.admissionregistration.k8s.io",
    "application.argoproj.io",
    "kustomization.kustomize.toolkit.fluxcd.io",
    "helmrelease.helm.toolkit.fluxcd.io",
    "tigerastatus.operator.tigera.io",
)
"""Kinds of admission and GitOps; those that a cluster does not serve are not there."""


@dataclass(frozen=True, kw_only=True)
class ExaminedObjects:
    """The objects of one moment, and what may not be read."""

    engine: Engine
    examined: tuple[str, ...]
    """The namespaces in question."""
    inventory: Inventory
    templates: tuple[Obj, ...] = ()
    """What may make pods that are not there now, such as CronJobs."""
    custom: tuple[Obj, ...] = ()
    unread: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    """Namespaces that stories make themselves, where they may."""

    @cached_property
    def state(self) -> ClusterState:
        return cluster_state(self.inventory)

    @cached_property
    def state_to_come(self) -> ClusterState:
        """The same, with the pods that may come."""
        return cluster_state(self.inventory, also=self.templates)

    def of_kind(self, *kinds: str) -> Iterator[Obj]:
        """The custom objects of these kinds."""
        return (obj for obj in self.custom if obj["kind"] in kinds)

    def hidden(self, resource: Resource) -> bool:
        """Whether some of a kind may not be read, so that what is not seen may be there."""
        return any(what.startswith(resource.qualified) for what in self.unread)


def look(connection: Connection, engine: Engine, wanted: Sequence[str]) -> ExaminedObjects:
    """
    All that the topics judge.

    Raises:
        Unreachable, ApiError: the API server does not answer, or not as one.
    """
    reader = _ObjectReader(connection)
    namespaces = reader.list(NAMESPACES, "")
    names = [n["metadata"]["name"] for n in namespaces]
    examined = tuple(wanted) or tuple(n for n in names if not _apart(n))
    places = sorted({*wanted, SYSTEM, *filter(is_component, names)}) if wanted else [""]
    kinds = (PODS, SERVICES, ENDPOINT_SLICES, NETWORK_POLICIES)
    pods, services, slices, policies = (
        tuple(o for place in places for o in reader.list(kind, place)) for kind in kinds
    )
    inventory = Inventory(
        namespaces=tuple(namespaces), pods=pods, services=services, slices=slices, policies=policies
    )
    custom = tuple(o for word in CUSTOM for o in reader.custom(word))
    return ExaminedObjects(
        engine=engine,
        examined=examined,
        inventory=inventory,
        templates=read_templates(connection, examined),
        custom=custom,
        unread=tuple(reader.unread),
    )


def examined(connection: Connection) -> list[str]:
    """The namespaces in question where none is named; none where they may not be listed."""
    names = (n["metadata"]["name"] for n in _ObjectReader(connection).list(NAMESPACES, ""))
    return [name for name in names if not _apart(name)]


def is_component(namespace: str) -> bool:
    return any(fnmatch.fnmatchcase(namespace, pattern) for pattern in COMPONENTS)


def _apart(namespace: str) -> bool:
    return protected(namespace) or is_component(namespace) or namespace == STATE_NAMESPACE


@dataclass(slots=True)
class _ObjectReader:
    """Lists what it may, and notes what it may not."""

    connection: Connection
    unread: list[str] = field(default_factory=list)

    def list(self, resource: Resource, namespace: str) -> list[Obj]:
        try:
            return list(self.connection.list(resource, namespace))
        except Forbidden as error:
            if error.status == 401:
                raise
            place = f" in namespace {namespace}" if namespace else ""
            self.unread.append(f"{resource.qualified}{place}")
        except ApiError as error:
            if error.status != 404:  # a kind that is served no more
                raise
        return []

    def custom(self, word: str) -> Iterable[Obj]:
        try:
            resource = resource_called(self.connection, word)
        except InputError:
            return ()
        except Forbidden as error:
            if error.status == 401:
                raise
            self.unread.append(word)
            return ()
        return self.list(resource, "")
