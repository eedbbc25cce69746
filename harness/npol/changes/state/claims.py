"""
Claims that a StatefulSet of a run makes: they outlive it, so the run takes them away.

Its templates carry the run's annotation, and what is made of them does, too. A claim that was
there before, which such a StatefulSet would only use, does not have it and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npol.changes.failpoints import around
from npol.changes.state.compare import marked, run_of
from npol.kube.connection import Connection
from npol.kube.objects import CLAIMS, Object, Ref

TEMPLATES = "volumeClaimTemplates"


def with_marked_claims(obj: Object, run_id: str) -> Object:
    spec = obj.get("spec")
    if obj.get("kind") != "StatefulSet" or not isinstance(spec, dict) or not spec.get(TEMPLATES):
        return obj
    templates = [marked(template, run_id) for template in spec[TEMPLATES]]
    return {**obj, "spec": {**spec, TEMPLATES: templates}}


def delete_claims(connection: Connection, owner: Mapping[str, Any], run_id: str) -> None:
    """Those of the templates of a StatefulSet that this run has made."""
    namespace, name = owner["metadata"]["namespace"], owner["metadata"]["name"]
    templates = owner["spec"].get(TEMPLATES) or ()
    stems = tuple(f"{template['metadata']['name']}-{name}-" for template in templates)
    if not stems:
        return
    for claim in connection.list(CLAIMS, namespace):
        metadata = claim["metadata"]
        if metadata["name"].startswith(stems) and run_of(claim) == run_id:
            with around("restore.delete"):
                connection.delete(Ref(CLAIMS, namespace, metadata["name"]), uid=metadata["uid"])
