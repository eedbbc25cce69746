"""What a container needs of the pod that it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from npol.api_rules.objects import Obj
from npol_lab.events import Recorder
from npol_lab.node.environment import PodFacts
from npol_lab.node.node_context import Host
from npol_lab.node.sandbox import Sandbox
from npol_lab.node.volumes import Volumes


class ContainerPod(Protocol):
    """`node.pod.Pod` as its containers see it: they know their pod, not its other containers."""

    host: Host
    obj: Obj
    facts: PodFacts
    recorder: Recorder
    volumes: Volumes

    @property
    def ephemeral(self) -> Sequence[object]: ...

    @property
    def sandbox(self) -> Sandbox: ...

    @property
    def grace(self) -> float: ...

    def changed(self) -> None:
        """The container's status is not what it was."""
        ...

    async def connect(
        self, address: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection from the pod's node."""
        ...
