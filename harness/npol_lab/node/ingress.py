"""The ingress controller: nginx itself, with a configuration that follows the Ingresses."""

from __future__ import annotations

import asyncio
import signal

from npol_lab.node import certificates
from npol_lab.node.ingress_config import FAKE_CERTIFICATE, World, render
from npol_lab.node.logs import Log
from npol_lab.node.process import Command, Console, Process
from npol_lab.node.rootfs import Root
from npol_lab.node.sandbox import Sandbox
from npol_lab.registry import Registry
from npol_lab.store import Store

INGRESSES = "ingresses.networking.k8s.io"
CLASSES = "ingressclasses.networking.k8s.io"
SLICES = "endpointslices.discovery.k8s.io"
GATHER = 0.02
"""Seconds in which changes are gathered into one reload."""


class IngressProcess(Process):
    """nginx that is told to reload whenever its configuration would be another."""

    def __init__(
        self,
        sandbox: Sandbox,
        root: Root,
        command: Command,
        log: Log,
        console: Console,
        registry: Registry,
    ) -> None:
        super().__init__(sandbox, root, command, log, console)
        self._directory = root.path
        self._store = registry.store
        self._written = ""

    async def start(self) -> None:
        certificate = self._directory / FAKE_CERTIFICATE.lstrip("/")
        certificate.write_bytes(certificates.key_and_chain())
        self._write()
        await super().start()

    async def wait(self) -> int:
        following = asyncio.create_task(self._follow())
        try:
            return await super().wait()
        finally:
            following.cancel()

    def _write(self) -> bool:
        """Whether it has changed."""
        text = render(_world(self._store))
        if text == self._written:
            return False
        (self._directory / "etc/nginx/nginx.conf").write_text(text)
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


def _world(store: Store) -> World:
    return World(
        ingresses=store.list(INGRESSES),
        classes=store.list(CLASSES),
        services=store.list("services"),
        slices=store.list(SLICES),
    )
