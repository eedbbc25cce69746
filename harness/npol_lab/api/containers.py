"""Which container of a pod a request means."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol_lab.registry import errors


def chosen(pod: Obj, wanted: str) -> str:
    """
    The container's name; the only one when none is named.

    Raises:
        StatusError: 400 when there is no such container, or a choice to be made.
    """
    spec, name = pod["spec"], pod["metadata"]["name"]
    main = [c["name"] for c in spec.get("containers") or []]
    initial = [c["name"] for c in spec.get("initContainers") or []]
    if not wanted and len(main) == 1 and not initial:
        return str(main[0])
    ephemeral = [c["name"] for c in spec.get("ephemeralContainers") or []]
    if wanted in (*main, *initial, *ephemeral):
        return wanted
    if wanted:
        raise errors.bad_request(f"container {wanted} is not valid for pod {name}")
    choice = f"a container name must be specified for pod {name}, choose one of: {_listed(main)}"
    if initial:
        choice += f" or one of the init containers: {_listed(initial)}"
    raise errors.bad_request(choice)


def _listed(names: list[str]) -> str:
    return f"[{' '.join(names)}]"


def is_running(pod: Obj, container: str) -> bool:
    status = pod.get("status", {})
    statuses = [
        *(status.get("containerStatuses") or []),
        *(status.get("initContainerStatuses") or []),
        *(status.get("ephemeralContainerStatuses") or []),
    ]
    return any(s["name"] == container and "running" in s.get("state", {}) for s in statuses)
