"""What all pods of a lab share: the API, the network, directories and clocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from npol.api_rules.objects import Obj
from npol_lab.events import Recorder
from npol_lab.node.cgroups import Groups
from npol_lab.node.limit_watcher import LimitWatcher
from npol_lab.node.sandbox import Network, Sandbox
from npol_lab.node.shared_rootfs import Base
from npol_lab.node.volumes import Token
from npol_lab.registry import Registry


class NameServer(Protocol):
    """The cluster's DNS, run where the container of the image coredns would."""

    async def start(self, sandbox: Sandbox) -> None: ...

    async def stop(self) -> None: ...


@dataclass(kw_only=True)
class Host:
    """The machine under the nodes."""

    registry: Registry
    network: Network
    state: Path
    token: Token
    dns: Callable[[], NameServer] | None = None
    clock: Callable[[], float] = time.time
    bounded: bool = False
    """Whether volumes are file systems of their own, which takes rights over mounts."""
    owner: int = 0
    """The lab's user that pods run as."""
    strict: bool = False
    """Images that the lab does not have get no stand-ins: everything runs as written."""
    _recorders: dict[str, Recorder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base = Base(self.state)
        self.watcher = LimitWatcher()
        self.groups = Groups({})

    def recorder(self, node: str) -> Recorder:
        if node not in self._recorders:
            self._recorders[node] = Recorder(self.registry, "kubelet", host=node, clock=self.clock)
        return self._recorders[node]

    def find(self, namespace: str) -> Callable[[str, str], Obj | None]:
        return lambda resource, name: self.registry.store.get(resource, namespace, name)

    def services(self, namespace: str) -> list[Obj]:
        """Those that a pod of the namespace gets environment variables for."""
        own = self.registry.store.list("services", namespace)
        kubernetes = self.registry.store.get("services", "default", "kubernetes")
        return own + ([kubernetes] if kubernetes and namespace != "default" else [])
