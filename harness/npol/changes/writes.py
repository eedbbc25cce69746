"""
Writes whose outcome is known in the end: a lost reply is resolved by reading back.

Each write stands inside a fail point that the caller names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from npol.kube.api_errors import ApiError, LostReply
from npol.kube.connection import Connection
from npol.kube.objects import Object, Ref

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Writes under way at once, of those that do not need each other."""
TRIES = 4
"""Sendings of one write whose replies are lost one after another."""

Check = Callable[[Object], bool]
"""Whether what was read back is what was sent."""


def create(connection: Connection, body: Mapping[str, Any], arrived: Check) -> Object:
    """
    POST until it is known to have worked.

    Raises:
        ApiError: 409 where an object of that name exists that is not what was sent.
    """
    ref = connection.ref_of(body)

    def resolve() -> Object | None:
        live = connection.get(ref)
        return live if live is not None and arrived(live) else None

    return _persist(lambda: connection.create(body), resolve)


def replace(connection: Connection, body: Mapping[str, Any], arrived: Check) -> Object:
    """
    PUT over exactly the version that `body` names.

    Raises:
        ApiError: 409 where the object is another one by now, 404 where it is gone.
    """
    ref = connection.ref_of(body)

    def resolve() -> Object | None:
        live = connection.get(ref)
        return live if live is not None and arrived(live) else None

    return _persist(lambda: connection.replace(body), resolve)


def set_labels(
    connection: Connection, ref: Ref, live: Mapping[str, Any], labels: Mapping[str, str | None]
) -> Object:
    """
    Set labels (None: take away) of exactly the version that was read.

    Raises:
        ApiError: 409 where the object has changed since, 404 where it is gone.
    """
    kept = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
    body = {"metadata": {**kept, "labels": dict(labels)}}

    def resolve() -> Object | None:
        found = connection.get(ref)
        return found if found is not None and has_labels(found, labels) else None

    return _persist(lambda: connection.patch(ref, body), resolve)


def set_replicas(connection: Connection, ref: Ref, live: Mapping[str, Any], replicas: int) -> None:
    """
    Scale exactly the version of a workload that was read.

    Raises:
        ApiError: 409 where the object has changed since, 404 where it is gone.
    """
    kept = ("name", "namespace", "uid", "resourceVersion")
    body = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {key: live["metadata"][key] for key in kept},
        "spec": {"replicas": replicas},
    }
    path = ref.resource.path(ref.namespace, ref.name, "scale")

    def resolve() -> Object | None:
        found = connection.get(ref)
        return found if found is not None and has_replicas(found, live, replicas) else None

    _persist(lambda: dict(connection.raw("PUT", path, body=body)), resolve)


def has_replicas(found: Mapping[str, Any], live: Mapping[str, Any], replicas: int) -> bool:
    same = found["metadata"]["uid"] == live["metadata"]["uid"]
    return bool(same and found["spec"].get("replicas") == replicas)


def has_labels(obj: Mapping[str, Any], labels: Mapping[str, str | None]) -> bool:
    found = obj["metadata"].get("labels") or {}
    return all(found.get(key) == value for key, value in labels.items())


def _persist(send: Callable[[], Object], resolve: Callable[[], Object | None]) -> Object:
    for last in (*[False] * (TRIES - 1), True):
        try:
            return send()
        except ApiError as error:
            lost = isinstance(error, LostReply)
            if not lost and error.status != 409:
                raise
            found = resolve()
            if found is not None:
                return found
            if last or not lost:
                raise
            log.info("a reply was lost, and the write has not arrived: it is sent again")
    raise AssertionError("unreachable")
