"""What a container's processes see instead of the host's files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFiles:
    """
    A container's file system, made of bind mounts in the lab's own mount namespace.

    The lab's mounts die with its mount namespace, so a container needs no mount
    namespace of its own: changing the root directory is enough.
    """

    root: str = ""
    """Absolute directory that becomes `/`; empty: the lab's own root."""
