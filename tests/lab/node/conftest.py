"""A node without namespaces: pods are addresses of the host's own loopback."""

import asyncio
import contextlib
import itertools
import os
import socket
import time

import pytest

from npol_lab.isolation import mounts
from npol_lab.node.kubelet import Kubelet
from npol_lab.registry import Registry
from npol_lab.store import Store

NAMESPACE = "demo"
_SECOND = 77 + 2 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Workers share the loopback: each has addresses of its own."""
_THIRD = itertools.count(1)


class LoopbackSandbox:
    def __init__(self, ip):
        self.ip = ip
        self.ips = (ip,)

    def socket(self, protocol="TCP", towards=""):
        kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
        return socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)

    def listen(self, port, protocol="TCP", host=""):
        made = self.socket(protocol)
        if protocol == "TCP":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((self.ip, port))
            if protocol == "TCP":
                made.listen(16)
        except OSError:
            made.close()
            raise
        return made


class LoopbackNetwork:
    def __init__(self):
        self._prefix = f"127.{_SECOND}.{next(_THIRD) % 256}"
        self._last = itertools.count(1)
        self.removed = []

    async def add_pod(self, pod):
        return LoopbackSandbox(f"{self._prefix}.{next(self._last)}")

    async def remove_pod(self, uid):
        self.removed.append(uid)

    def node_socket(self, node, protocol="TCP", towards=""):
        return LoopbackSandbox("").socket(protocol)

    def node_addresses(self, node):
        return ({"lab-1": "10.98.1.11", "lab-2": "10.98.1.12"}[node],)


class Node:
    """A kubelet with a store of its own, used inside `asyncio.run`."""

    def __init__(self, state):
        self.store = Store()
        self.registry = Registry(self.store)
        self.network = LoopbackNetwork()
        self.kubelet = Kubelet(self.registry, self.network, state=state)
        for resource, name in (("namespaces", NAMESPACE), ("nodes", "lab-1")):
            self.registry.create(resource, {"metadata": {"name": name}})

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.kubelet.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def create(self, name="pod", **spec):
        spec = {
            "nodeName": "lab-1",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            **spec,
        }
        pod = {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
        return self.registry.create("pods", pod)

    def pod(self, name="pod"):
        return self.store.get("pods", NAMESPACE, name)

    def container(self, name="pod", index=0):
        """Its status; an empty one before the kubelet has written any."""
        found = self.pod(name).get("status", {}).get("containerStatuses")
        return found[index] if found else {"state": {}, "lastState": {}, "restartCount": 0}

    def events(self, name="pod"):
        found = [
            e for e in self.store.list("events", NAMESPACE) if e["involvedObject"]["name"] == name
        ]
        return [(e["type"], e["reason"], e["message"]) for e in found]

    def waits_for(self, name="pod"):
        """The reason of its first container; a moment after the events that tell of it."""
        return self.container(name)["state"].get("waiting", {}).get("reason")

    def condition(self, kind, name="pod"):
        conditions = (self.pod(name) or {}).get("status", {}).get("conditions") or []
        return next((c for c in conditions if c["type"] == kind), {"status": "Unknown"})

    def ready(self, name="pod"):
        return self.condition("Ready", name)["status"] == "True"

    async def until(self, holds, within=30.0):
        """Yield to the node until something holds; the deadline is for a broken node only."""
        deadline = time.monotonic() + within
        while not holds():
            assert time.monotonic() < deadline, self.pod()
            await asyncio.sleep(0.002)


REFUSED = "no mounts in the host's namespace"


@pytest.fixture(autouse=True)
def mounts_are_refused(monkeypatch):
    """These nodes live in the host's mount namespace, where nothing may be mounted."""

    def refuse(*_):
        raise OSError(REFUSED)

    monkeypatch.setattr(mounts, "mount", refuse)


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


@pytest.fixture
def sandbox():
    return LoopbackSandbox(f"127.{_SECOND + 1}.{next(_THIRD) % 256}.1")
