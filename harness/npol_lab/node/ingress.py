"""The ingress controller: nginx itself, with a configuration that follows the Ingresses."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from npol_lab.isolation import paths
from npol_lab.node import certificates
from npol_lab.node.ingress_config import FAKE_CERTIFICATE, World, render
from npol_lab.node.logs import Log
from npol_lab.node.process import Console, Process
from npol_lab.node.rootfs import Root
from npol_lab.node.spawn import Command
from npol_lab.registry import Registry
from npol_lab.store import Store

INGRESSES = "ingresses.networking.k8s.io"
CLASSES = "ingressclasses.networking.k8s.io"
SLICES = "endpointslices.discovery.k8s.io"
CONFIGURATION = "etc/nginx/nginx.conf"
GATHER = 0.02
"""Seconds in which changes are gathered into one reload."""


class IngressProcess(Process):
    """nginx that is told to reload whenever its configuration would be another."""

    def __init__(
        self,
        root: Root,
        command: Command,
        log: Log,
        console: Console,
        registry: Registry,
    ) -> None:
        super().__init__(root, command, log, console)
        self._store = registry.store
        self._written = ""

    @staticmethod
    def files(registry: Registry) -> dict[str, str]:
        """What it starts with."""
        certificate = certificates.key_and_chain().decode()
        return {FAKE_CERTIFICATE.lstrip("/"): certificate, CONFIGURATION: _rendered(registry.store)}

    async def wait(self) -> int:
        following = asyncio.create_task(self._follow())
        try:
            return await super().wait()
        finally:
            following.cancel()

    def _write(self) -> bool:
        """Whether it has changed."""
        text = _rendered(self._store)
        if text == self._written or self._running is None:
            return False
        with (
            contextlib.suppress(OSError),
            paths.directory(f"/proc/{self._running.pid}/root") as root,
        ):
            paths.write(root, CONFIGURATION, text)
        self._written = text
        return True

    async def _follow(self) -> None:
        subscription = self._store.subscribe(INGRESSES, CLASSES, SLICES, "services")
        try:
            async for _ in subscription:
                if not subscription.pending():
                    await asyncio.sleep(GATHER)
                    if self._write():
                        self.signal(signal.SIGHUP)
        finally:
            subscription.close()


def _rendered(store: Store) -> str:
    return render(_world(store))


def _world(store: Store) -> World:
    return World(
        ingresses=store.list(INGRESSES),
        classes=store.list(CLASSES),
        services=store.list("services"),
        slices=store.list(SLICES),
    )
