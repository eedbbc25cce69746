"""The state of the namespaces of a run: read before it, and compared after it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from npol.changes.journal_types import (
    CLUSTER,
    Journal,
    Key,
    NamespaceSnapshot,
    PolicySnapshot,
)
from npol.changes.state.compare import is_leaving, waits_for
from npol.errors import Refused
from npol.kube.api_errors import Forbidden
from npol.kube.connection import Connection
from npol.kube.get_all import get_all
from npol.kube.guard import protected
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES, Object, Ref
from npol.model.inventory import Inventory


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

    def tells(self, key: Key) -> bool:
        """
        Whether it says all of an object that a journal names: it is a policy of these places.

        Of a snapshot taken with `take_known`.
        """
        return key.is_policy and key.place in self.places


def key_of(obj: Mapping[str, Any]) -> Key:
    metadata = obj["metadata"]
    return Key(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])


def take_places(connection: Connection, namespaces: Iterable[str]) -> Snapshot:
    """Read namespaces alone; one that is missing has no uid."""
    wanted = set(namespaces)
    names = sorted(wanted - {CLUSTER})
    found = dict(zip(names, _read_namespaces(connection, names), strict=True))
    return _of_places({**found, **_cluster(wanted)})


def _cluster(namespaces: Container[str]) -> dict[str, Mapping[str, Any]]:
    """The whole cluster as a namespace that never changes, if it is among these."""
    return {CLUSTER: {"metadata": {"uid": CLUSTER}}} if CLUSTER in namespaces else {}


def take(
    connection: Connection,
    namespaces: Iterable[str],
    *,
    also: Iterable[Key] = (),
    seen: Inventory | None = None,
) -> Snapshot:
    """
    Read namespaces and their NetworkPolicies.

    Args:
        also: policies of other kinds, by name.
        seen: what was just read of all namespaces and, in these, of NetworkPolicies.
    """
    names = sorted(set(namespaces))
    if seen is None:
        with ThreadPoolExecutor(max_workers=1) as pool:
            places = pool.submit(take_places, connection, names)
            listed: Iterable[Mapping[str, Any]] | None = _listed(connection, names)
            found = places.result()
        if listed is None:
            there = [p.name for p in found.places.values() if p.uid]
            listed = connection.list_in(NETWORK_POLICIES, set(there) - {CLUSTER})
    else:
        known = {obj["metadata"]["name"]: obj for obj in seen.namespaces}
        found = _of_places({name: known.get(name) for name in names} | _cluster(names))
        listed = (p for p in seen.policies if p["metadata"]["namespace"] in names)
    policies: dict[Key, Object] = {key_of(policy): dict(policy) for policy in listed}
    for key in also:
        resource = connection.resource(key.api_version, key.kind)
        if live := connection.get(Ref(resource, key.namespace, key.name)):
            policies[key] = live
    return replace(found, policies=policies)


def _listed(connection: Connection, namespaces: Iterable[str]) -> list[Object] | None:
    """Their NetworkPolicies; None where that is refused, as it may be where one is missing."""
    try:
        return connection.list_in(NETWORK_POLICIES, set(namespaces) - {CLUSTER})
    except Forbidden:
        return None


def take_known(
    connection: Connection, journal: Journal, *, seen: Inventory | None = None
) -> Snapshot:
    """Read the namespaces of a journal, and with them every policy that it names."""
    return take(connection, journal.places, also=journal.other_policies, seen=seen)


def _read_namespaces(connection: Connection, names: Sequence[str]) -> list[Object | None]:
    refs = [Ref(NAMESPACES, "", name) for name in names]
    found = get_all(connection, refs)
    return [found[ref] for ref in refs]


def _of_places(namespaces: Mapping[str, Mapping[str, Any] | None]) -> Snapshot:
    places: dict[str, NamespaceSnapshot] = {}
    leaving: set[str] = set()
    for name, found in namespaces.items():
        metadata = found["metadata"] if found else {}
        labels = metadata.get("labels") or {}
        places[name] = NamespaceSnapshot(name=name, uid=metadata.get("uid", ""), labels=labels)
        if metadata.get("deletionTimestamp"):
            leaving.add(name)
    return Snapshot(places=places, policies={}, leaving=frozenset(leaving))


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
