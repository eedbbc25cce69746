"""The objects of `given`, made in their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from npol.changes.transaction import Transaction
from npol.errors import InputError
from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection
from npol.model.story import Manifest
from npol.policy.parse.object_source import sources
from npol.policy.parse.server_review import reviewed
from npol.run.given_objects import DEFINITION, defined_kinds

ESTABLISHED_WITHIN = 10.0
POLL_EVERY = 0.1
NOT_TAKEN = (400, 422)
"""HTTP's codes for an object that is wrong by itself."""


def create_given(
    connection: Connection,
    transaction: Transaction,
    manifests: Sequence[Manifest],
    say: Callable[[str], None],
) -> None:
    """Those of one kind that follow each other need none of the others: they are made at once."""
    made = 0
    for kind, alike in groupby(manifests, key=lambda manifest: manifest.kind):
        together = list(alike)
        made += len(together)
        say(f"creating what is given: {made} of {len(manifests)} objects")
        with _pointing(together):
            transaction.create_all(together)
        for manifest in together if kind == DEFINITION else ():
            await_definition(connection, manifest)


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
