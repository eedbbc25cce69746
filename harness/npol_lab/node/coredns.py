"""The cluster's DNS as the program of a container."""

from __future__ import annotations

import asyncio

from npol_lab.node.logs import Log
from npol_lab.node.node_context import NameServer
from npol_lab.node.sandbox import Sandbox


class Coredns:
    """Where the coredns image would run, the lab's own name server answers."""

    def __init__(self, dns: NameServer, sandbox: Sandbox, log: Log) -> None:
        self._dns = dns
        self._sandbox = sandbox
        self._log = log
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        await self._dns.start(self._sandbox)
        self._log.print(".:53")

    async def wait(self) -> int:
        code = await self._over
        await self._dns.stop()
        return code

    def terminate(self) -> None:
        self._finish(0)

    def kill(self) -> None:
        self._finish(137)

    def _finish(self, code: int) -> None:
        if not self._over.done():
            self._over.set_result(code)
