"""Manifests made in a cluster that is nobody else's, as an installation would make them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection
from npol.model.change import Manifest
from npol.run.cluster_changes import spell
from npol.run.create_given import await_definition
from npol.run.given_objects import DEFINITION, choose


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledCluster:
    made: int
    left_out: tuple[str, ...]
    """One line for each reason why objects were not sent, and for each that was refused."""


def fill(connection: Connection, manifests: Sequence[Manifest], namespace: str) -> FilledCluster:
    """
    Make all that can be made, each namespace that is missing among it.

    What the server refuses does not stop the rest; nothing is taken back.
    """
    chosen = choose(connection, manifests, namespace=namespace, everything=True)
    places = {m.name if m.kind == "Namespace" else m.namespace for m in chosen.manifests}
    connection.permit(namespaces=places, kinds=chosen.kinds)
    refused = [line for m in chosen.manifests for line in _refusal(connection, m)]
    return FilledCluster(
        made=len(chosen.manifests) - len(refused), left_out=(*chosen.left_out, *refused)
    )


def _refusal(connection: Connection, manifest: Manifest) -> Iterator[str]:
    try:
        connection.create(manifest.body)
    except ApiError as error:
        yield f"refused: {spell(manifest)}: {error}"
        return
    if manifest.kind == DEFINITION:
        await_definition(connection, manifest)
