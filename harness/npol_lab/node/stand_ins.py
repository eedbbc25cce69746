"""
Stand-ins for images that the lab does not have: what is known of them without their program.

A stand-in runs no command. It listens where the manifests say that somebody listens, its probes
by command and by gRPC count as passed, and as an init container or in a Job it has ended well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from npol.api_rules.objects import Obj
from npol_lab.node import images
from npol_lab.node.images import BadImage

STAND_INS = "npol.dev/stand-ins"
"""The annotation of a pod: its containers that are stand-ins, separated by commas."""
HOOK = "helm.sh/hook"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
UNASKED = ("exec", "grpc")
"""Probes that only the image's own program could answer."""


@dataclass(frozen=True, slots=True, order=True)
class Listened:
    """A port that a stand-in answers on; `tls` where a probe speaks HTTPS to it."""

    port: int
    protocol: str = "TCP"
    tls: bool = False


def is_unknown(container: Obj) -> bool:
    """An image that cannot be pulled is not stood in for: that it cannot is to be seen."""
    try:
        return images.pull(container["image"])[1] is images.DEFAULT
    except BadImage:
        return False


def stand_ins_of(pod: Obj) -> list[Obj]:
    spec = pod["spec"]
    every = [*(spec.get("initContainers") or []), *spec["containers"]]
    return [container for container in every if is_unknown(container)]


def ends_at_once(pod: Obj, container: Obj) -> bool:
    """Whether its program is there to do something, not to be there."""
    if container in (pod["spec"].get("initContainers") or []):
        return container.get("restartPolicy") != "Always"
    owners = pod["metadata"].get("ownerReferences") or []
    annotations = pod["metadata"].get("annotations") or {}
    if any(owner["kind"] == "Job" for owner in owners):
        return True
    return HOOK in annotations and pod["spec"].get("restartPolicy", "Always") != "Always"


def passes_unasked(probe: Obj) -> bool:
    return any(kind in probe for kind in UNASKED)


def listened(pod: Obj, container: Obj, services: Iterable[Obj]) -> list[Listened]:
    """
    Every port that the container declares or that a probe or a Service means by it.

    What a Service means and nobody declares is the first container's.
    """
    asked = list(_asked(container))
    meant = {(port, "TCP") for port, _ in asked}
    if container is pod["spec"]["containers"][0]:
        meant |= set(_meant(services))
    others = (c for c in pod["spec"]["containers"] if c is not container)
    elsewhere = {declared for other in others for declared in _declared(other)}
    found = set(_declared(container)) | (meant - elsewhere)
    secure = {port for port, scheme in asked if scheme == "HTTPS"}
    return sorted(
        Listened(port, protocol, protocol == "TCP" and port in secure)
        for port, protocol in found
        if protocol in ("TCP", "UDP")
    )


def _declared(container: Obj) -> Iterator[tuple[int, str]]:
    for port in container.get("ports") or []:
        yield port["containerPort"], port.get("protocol", "TCP")


def _asked(container: Obj) -> Iterator[tuple[int, str]]:
    """The ports of probes with numbers, and of names that the container declares."""
    named = (p for p in container.get("ports") or [] if p.get("name"))
    names = {p["name"]: p["containerPort"] for p in named}
    for probe in (container.get(kind) or {} for kind in PROBES):
        for kind in ("httpGet", "tcpSocket", "grpc"):
            action: Mapping[str, str | int] = probe.get(kind) or {}
            port = names.get(action.get("port"), action.get("port"))
            if isinstance(port, int) and not action.get("host"):
                yield port, str(action.get("scheme", ""))


def _meant(services: Iterable[Obj]) -> Iterator[tuple[int, str]]:
    """A target that is a name is declared, or nobody has it."""
    for service in services:
        for port in service["spec"].get("ports") or []:
            target = port.get("targetPort") or port["port"]
            if isinstance(target, int):
                yield target, port.get("protocol", "TCP")


def selects(service: Obj, pod: Obj) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
