"""The state of the namespaces of a run: read before it, and compared after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from npol.changes.journal_types import Key, NamespaceSnapshot, PolicySnapshot
from npol.changes.state.compare import is_leaving, waits_for
from npol.errors import Refused
from npol.kube.connection import Connection
from npol.kube.guard import protected
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES, Object, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Namespaces and all their NetworkPolicies, whole, with policies of other kinds by name."""

    places: Mapping[str, NamespaceSnapshot]
    policies: Mapping[Key, Object]
    leaving: frozenset[str] = frozenset()
    """Namespaces that are being deleted."""

    @property
    def entries(self) -> list[NamespaceSnapshot | PolicySnapshot]:
        """The snapshot as a journal keeps it."""
        seen = [PolicySnapshot(key=key, body=body) for key, body in self.policies.items()]
        return [*self.places.values(), *seen]


def key_of(obj: Mapping[str, Any]) -> Key:
    metadata = obj["metadata"]
    return Key(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])


def take_places(connection: Connection, namespaces: Iterable[str]) -> Snapshot:
    """Read namespaces alone; one that is missing has no uid."""
    places: dict[str, NamespaceSnapshot] = {}
    leaving: set[str] = set()
    for name in sorted(set(namespaces)):
        found = connection.get(Ref(NAMESPACES, "", name))
        metadata = found["metadata"] if found else {}
        labels = metadata.get("labels") or {}
        places[name] = NamespaceSnapshot(name=name, uid=metadata.get("uid", ""), labels=labels)
        if metadata.get("deletionTimestamp"):
            leaving.add(name)
    return Snapshot(places=places, policies={}, leaving=frozenset(leaving))


def take(
    connection: Connection, namespaces: Iterable[str], *, also: Iterable[Key] = ()
) -> Snapshot:
    """Read namespaces and their NetworkPolicies; `also`: policies of other kinds, by name."""
    found = take_places(connection, namespaces)
    there = [place.name for place in found.places.values() if place.uid]
    listed = [policy for name in there for policy in connection.list(NETWORK_POLICIES, name)]
    policies = {key_of(policy): policy for policy in listed}
    for key in also:
        resource = connection.resource(key.api_version, key.kind)
        if live := connection.get(Ref(resource, key.namespace, key.name)):
            policies[key] = live
    return replace(found, policies=policies)


def cluster_uid(connection: Connection) -> str:
    """
    What tells this cluster from any other: the uid of its namespace kube-system.

    Raises:
        Refused: it cannot be read.
    """
    found = connection.get(Ref(NAMESPACES, "", "kube-system"))
    if found is None:
        raise Refused("the cluster has no namespace kube-system, so it cannot be told from others")
    return str(found["metadata"]["uid"])


def check_usable(snapshot: Snapshot, *, create_missing: bool) -> None:
    """
    Raises:
        Refused: a namespace is protected, missing, or on its way out; or one of its policies is.
    """
    for place in snapshot.places.values():
        check_allowed(place.name)
        if not place.uid and not create_missing:
            raise Refused(f"there is no namespace {place.name}")
        if place.name in snapshot.leaving:
            raise Refused(f"namespace {place.name} is being deleted")
    for key, policy in snapshot.policies.items():
        if is_leaving(policy):
            raise Refused(
                f"{key} is being deleted, so it is no state to come back to",
                hint=f"wait until it is gone; it waits for {waits_for(policy) or 'the server'}",
            )


def check_allowed(namespace: str) -> None:
    """
    Raises:
        Refused: the namespace is one that npol never changes.
    """
    if protected(namespace):
        raise Refused(f"namespace {namespace} is protected: npol never changes it")
