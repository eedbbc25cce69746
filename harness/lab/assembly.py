"""All parts of one lab, put together: what runs inside the namespaces."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import Any

from harness.lab.net.network import Network
from harness.lab.pauses import Pauses
from harness.lab.registry import Registry
from harness.lab.store import Store


def run_lab(settings: dict[str, Any], keeper: socket.socket) -> None:
    """Until the process ends; the keeper takes everything down."""
    asyncio.run(_run(settings, keeper))


async def _run(settings: dict[str, Any], keeper: socket.socket) -> None:
    store = Store()
    registry = Registry(store)
    network = Network(
        settings["id"],
        Pauses(keeper),
        enforce=settings["enforcement"],
        delay=settings["enforcement_delay"],
    )
    await network.start(registry, nodes=tuple(f"lab-{n + 1}" for n in range(settings["nodes"])))
    os.write(settings["teller"], json.dumps({"ready": True}).encode() + b"\n")
    await asyncio.Event().wait()
