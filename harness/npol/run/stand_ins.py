"""What a lab runs that is not the image's own program, as its pods say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from npol.kube.objects import Object

STAND_INS = "npol.dev/stand-ins"
"""The lab's annotation of a pod: its containers that are stand-ins, separated by commas."""
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def stand_in_notes(pods: Iterable[Object]) -> tuple[str, ...]:
    """One line for all of them, or none."""
    found = [container for pod in pods for container in _stand_ins(pod)]
    if not found:
        return ()
    images = {container["image"] for container in found}
    told = [f"{_counted(len(found), 'stand-in')} for {_counted(len(images), 'image')}"]
    for kind, word in (("exec", "exec probe"), ("grpc", "gRPC probe")):
        count = sum(kind in container.get(probe, {}) for container in found for probe in PROBES)
        told += [f"{_counted(count, word)} taken as passed"] if count else []
    return (", ".join(told),)


def _stand_ins(pod: dict[str, Any]) -> list[dict[str, Any]]:
    names = (pod["metadata"].get("annotations") or {}).get(STAND_INS, "").split(",")
    spec = pod["spec"]
    every = [*(spec.get("initContainers") or []), *spec["containers"]]
    return [container for container in every if container["name"] in names]


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
