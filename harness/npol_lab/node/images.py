"""
The images that a lab knows, and what becomes of them.

Containers are not images here: a table maps well-known repositories to programs of
the host, run for real in the pod's namespaces, or to a behaviour that the lab serves
itself on sockets made inside them. Every other image answers on its declared ports.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from npol_lab.node import nginx

Behaviour = Literal["process", "agnhost", "http-echo", "pause", "coredns", "default", "ingress"]


class BadImage(Exception):
    """The image cannot be had; `reason` is the container's waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What the image's own configuration and layers would say."""

    repositories: tuple[str, ...]
    """Ends of repository paths: `library/nginx` is known as `docker.io/library/nginx`, too."""
    behaviour: Behaviour
    toolset: str = "debian"
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = "/"
    hide: bytes = b""
    """See `Log`."""
    links: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


AGNHOST_LINK = {"agnhost": "/.lab/etc/agnhost"}
HUBBLE_LINK = {"usr/local/bin/hubble": "/.lab/etc/hubble"}

_TOOLS = {
    "library/debian": ("bash",),
    "library/ubuntu": ("/bin/bash",),
    "library/bash": ("bash",),
    "e2e-test-images/jessie-dnsutils": ("sleep", "infinity"),
    "wbitt/network-multitool": ("sleep", "infinity"),
    "praqma/network-multitool": ("sleep", "infinity"),
}

IMAGES = (
    Image(
        repositories=("nicolaka/netshoot",),
        behaviour="process",
        toolset="network",
        cmd=("/bin/bash",),
    ),
    Image(
        repositories=("library/busybox", "library/alpine", "e2e-test-images/busybox"),
        behaviour="process",
        toolset="busybox",
        cmd=("sh",),
    ),
    Image(
        repositories=("curlimages/curl", "appropriate/curl"),
        behaviour="process",
        toolset="network",
        entrypoint=("curl",),
    ),
    Image(
        repositories=("library/python",),
        behaviour="process",
        toolset="python",
        cmd=("python3",),
    ),
    *(
        Image(repositories=(repository,), behaviour="process", toolset="network", cmd=cmd)
        for repository, cmd in _TOOLS.items()
    ),
    Image(
        repositories=("e2e-test-images/agnhost",),
        behaviour="agnhost",
        toolset="network",
        entrypoint=("/agnhost",),
        cmd=("pause",),
        links=AGNHOST_LINK,
    ),
    Image(
        repositories=("library/nginx",),
        behaviour="process",
        toolset="nginx",
        hide=nginx.HARMLESS,
        cmd=("nginx", "-g", "daemon off;"),
        links=nginx.LINKS,
        files=nginx.FILES,
    ),
    Image(
        repositories=("nginxinc/nginx-unprivileged", "nginx/nginx-unprivileged"),
        behaviour="process",
        toolset="nginx",
        hide=nginx.HARMLESS,
        cmd=("nginx", "-g", "daemon off;"),
        links=nginx.LINKS,
        files=nginx.UNPRIVILEGED_FILES,
    ),
    Image(
        repositories=("ingress-nginx/controller",),
        behaviour="ingress",
        toolset="nginx",
        hide=nginx.HARMLESS,
        entrypoint=("nginx", "-g", "daemon off;"),
        links=nginx.LINKS,
        files=nginx.FILES | {"etc/nginx/nginx.conf": nginx.INGRESS_START},
    ),
    Image(
        repositories=("hashicorp/http-echo",),
        behaviour="http-echo",
        toolset="none",
        entrypoint=("/http-echo",),
    ),
    Image(
        repositories=("pause", "library/pause"),
        behaviour="pause",
        toolset="none",
        entrypoint=("/pause",),
    ),
    Image(
        repositories=("lab/flow-agent",),
        behaviour="pause",
        entrypoint=("/pause",),
        links=HUBBLE_LINK,
    ),
    Image(
        repositories=("coredns/coredns", "library/coredns"),
        behaviour="coredns",
        toolset="none",
        entrypoint=("/coredns",),
    ),
)

DEFAULT = Image(repositories=(), behaviour="default")
_REFERENCE = re.compile(
    r"(?P<repository>[a-z0-9]+([._:/-]+[a-z0-9]+)*?)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An image's name as the runtime completes it."""

    repository: str
    """With its registry: `docker.io/library/nginx`."""
    tag: str
    digest: str

    def __str__(self) -> str:
        return (
            f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"
        )

    @property
    def id(self) -> str:
        """What `imageID` of a container status shows."""
        digest = self.digest or "sha256:" + hashlib.sha256(str(self).encode()).hexdigest()
        return f"{self.repository}@{digest}"


def parse(image: str) -> Reference:
    """
    Raises:
        BadImage: InvalidImageName.
    """
    match = _REFERENCE.fullmatch(image)
    if match is None:
        why = f'Failed to apply default image tag "{image}": couldn\'t parse image name '
        raise BadImage("InvalidImageName", f'{why}"{image}": invalid reference format')
    repository, digest = match["repository"], match["digest"] or ""
    registry, slash, _ = repository.partition("/")
    if not slash:
        repository = f"docker.io/library/{repository}"
    elif "." not in registry and ":" not in registry and registry != "localhost":
        repository = f"docker.io/{repository}"
    return Reference(repository=repository, tag=match["tag"] or "latest", digest=digest)


def pull(image: str) -> tuple[Reference, Image]:
    """
    Raises:
        BadImage: InvalidImageName or ErrImagePull. Names that contain `does-not-exist`
            or `invalid` cannot be pulled, so that the failure can be shown.
    """
    reference = parse(image)
    if re.search(r"does-?not-?exist|invalid", str(reference)):
        raise BadImage(
            "ErrImagePull",
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{reference}": '
            f'failed to resolve reference "{reference}": {reference}: not found',
        )
    return reference, known(reference)


def known(reference: Reference) -> Image:
    path = reference.repository.partition("/")[2]
    for image in IMAGES:
        for name in image.repositories:
            if path == name or path.endswith(f"/{name}"):
                return image
    return DEFAULT


def arguments(image: Image, container: Mapping[str, list[str]]) -> list[str]:
    """
    The argv of a container: `command` replaces the entrypoint and drops the image's
    own arguments, `args` replaces these.
    """
    command, args = container.get("command") or [], container.get("args") or []
    if command:
        return [*command, *args]
    return [*image.entrypoint, *(args or image.cmd)]
