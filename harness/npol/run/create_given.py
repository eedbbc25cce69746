"""The objects of `given`, made in their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from npol.changes.restore.foreign_objects import BY_THE_CLUSTER
from npol.changes.state.snapshot import key_of
from npol.changes.transaction import Transaction
from npol.errors import InputError
from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection
from npol.model.change import Manifest
from npol.policy.parse.object_source import sources
from npol.policy.parse.server_review import reviewed
from npol.run.given_objects import DEFINITION, defined_kinds

ESTABLISHED_WITHIN = 10.0
POLL_EVERY = 0.1
TOGETHER = (
    frozenset({"Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "Service"}),
    frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"}),
)
"""Kinds of which none needs another to be there first."""
NOT_TAKEN = (400, 422)
"""HTTP's codes for an object that is wrong by itself."""


def create_given(
    connection: Connection,
    transaction: Transaction,
    manifests: Sequence[Manifest],
    say: Callable[[str], None],
) -> None:
    """Group by group; what others may have made by then is looked for when its turn comes."""
    made = 0
    for alone, groups in groupby(map(list, _groups(manifests)), key=_is_alone):
        for together in [[group] for group in groups] if alone else [list(groups)]:
            objects = [manifest for group in together for manifest in group]
            made += len(objects)
            say(f"creating what is given: {made} of {len(manifests)} objects")
            with _pointing(objects):
                transaction.create_all(*together)
            for manifest in objects if objects[0].kind == DEFINITION else ():
                await_definition(connection, manifest)


def _groups(manifests: Sequence[Manifest]) -> Iterator[Iterable[Manifest]]:
    """Those that follow each other and do not need each other."""
    return (group for _, group in groupby(manifests, key=_group_of))


def _group_of(manifest: Manifest) -> tuple[object, bool]:
    kind = next((together for together in TOGETHER if manifest.kind in together), manifest.kind)
    return kind, (manifest.kind, manifest.name) in BY_THE_CLUSTER


def _is_alone(group: Sequence[Manifest]) -> bool:
    """Whether what it becomes is seen when its turn comes, or decides about those behind it."""
    first = group[0]
    return (
        first.kind == DEFINITION
        or key_of(first.body).is_policy
        or (first.kind, first.name) in BY_THE_CLUSTER
    )


@contextmanager
def _pointing(manifests: Sequence[Manifest]) -> Iterator[None]:
    """A server names the field that it does not take, and knows no file."""
    try:
        yield
    except ApiError as error:
        if error.status in NOT_TAKEN and not error.hint:
            error.hint = f"mend {_guilty_line(manifests, str(error))}"
        raise


def _guilty_line(manifests: Sequence[Manifest], said: str) -> str:
    """Where the field stands that no server takes; else where the object does that is named."""
    named = [manifest for manifest in manifests if manifest.name in said.split()]
    named = [m for m in named if m.kind.lower() in said.lower()] or named
    for source in sources(named):
        for refusal in reviewed(source)[1]:
            return str(refusal)
    return str((named or manifests)[0].at)


def await_definition(connection: Connection, manifest: Manifest) -> None:
    """A cluster takes a moment to serve what a definition brings."""
    wanted = [key for key, _ in defined_kinds([manifest])]
    deadline = time.monotonic() + ESTABLISHED_WITHIN
    while not all(_is_served(connection, *key) for key in wanted):
        if time.monotonic() >= deadline:
            return  # what needs it says so
        time.sleep(POLL_EVERY)


def _is_served(connection: Connection, api_version: str, kind: str) -> bool:
    try:
        connection.resource(api_version, kind)
    except InputError:
        return False
    return True
