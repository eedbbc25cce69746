"""
Pods whose uid the platform assigns.

OpenShift gives each project a range of uids and refuses all others (security context
constraints, `MustRunAsRange`). A pod that names no uid gets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npol.kube.api_client import Verbs
from npol.kube.api_errors import ApiError
from npol.kube.objects import Object

FIELDS = ("runAsUser", "runAsGroup")


def create(
    connection: Verbs, pod: Mapping[str, Any], *, leave_user: bool, dry_run: bool = False
) -> Object:
    """
    Create a pod; where its uid is refused and `leave_user`, once more without one.

    Raises: as `Verbs.create`.
    """
    try:
        return connection.create(pod, dry_run=dry_run)
    except ApiError as error:
        if not (leave_user and pod["kind"] == "Pod" and _refuses_user(error)):
            raise
    return connection.create(without_user(pod), dry_run=dry_run)


def without_user(pod: Mapping[str, Any]) -> Object:
    """The same pod without a uid."""
    context = pod["spec"].get("securityContext") or {}
    left = {name: value for name, value in context.items() if name not in FIELDS}
    return {**pod, "spec": {**pod["spec"], "securityContext": left}}


def _refuses_user(error: ApiError) -> bool:
    """The words of admission: no field of the answer says what was wrong."""
    said = str(error.body.get("message") or error.message)
    return error.status in (403, 422) and FIELDS[0] in said
