"""Controllers over a store of their own. A kubelet is played by the tests."""

import asyncio
import contextlib
import itertools

import pytest

from npol_lab.controllers import controllers
from npol_lab.families import IPV4, IPV6, SINGLE
from npol_lab.registry import Registry
from npol_lab.store import Store

QUIET = 12
"""Turns of the loop without a write after which nobody has anything to do."""
NOW = "2026-11-21T10:00:00Z"


class Cluster:
    def __init__(self, families=SINGLE):
        self.store = Store()
        self.families = families
        self.registry = Registry(self.store, families=families)
        self._addresses = (f"10.244.1.{n}" for n in itertools.count(2))
        self.parts = []

    @contextlib.asynccontextmanager
    async def running(self, *wanted):
        """With all controllers, or those whose class names are given."""
        self.parts = [
            c
            for c in controllers(self.registry, ca="CA")
            if not wanted or type(c).__name__ in wanted
        ]
        tasks = [asyncio.create_task(c.run()) for c in self.parts]
        self.registry.create("namespaces", {"metadata": {"name": "demo"}})
        try:
            await self.settle()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settle(self):
        quiet, last = 0, self.store.revision
        while quiet < QUIET:
            await asyncio.sleep(0)
            quiet = quiet + 1 if self.store.revision == last else 0
            last = self.store.revision

    def node(self, name, *, labels=None, taints=None):
        spec = {"taints": taints} if taints else {}
        return self.create("nodes", name, spec, labels=labels, namespace=None)

    def create(self, resource, name, spec=None, *, labels=None, namespace="demo", **more):
        metadata = {"name": name, "labels": labels or {}, **more.pop("metadata", {})}
        if namespace:
            metadata["namespace"] = namespace
        obj = {"metadata": metadata, **more}
        return self.registry.create(resource, obj | ({"spec": spec} if spec is not None else {}))

    def pod(self, name, *, labels=None, node="", **spec):
        spec = {"containers": [{"name": "c", "image": "pause"}], **spec}
        return self.create("pods", name, spec | ({"nodeName": node} if node else {}), labels=labels)

    def get(self, resource, name, namespace="demo"):
        return self.store.get(resource, namespace, name)

    def names(self, resource):
        return [o["metadata"]["name"] for o in self.store.list(resource, "demo")]

    def pods(self, **labels):
        found = self.store.list("pods", "demo")
        return [p for p in found if labels.items() <= (p["metadata"].get("labels") or {}).items()]

    def report(self, pod, *, ready=True, phase="Running", since=NOW):
        """What a kubelet would write."""
        metadata = pod["metadata"]
        old = pod.get("status", {})
        address = old.get("podIP") or next(self._addresses)
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": since}
        others = [c for c in old.get("conditions") or [] if c["type"] != "Ready"]
        status = {
            "phase": phase,
            "podIP": address,
            "podIPs": [{"ip": address}, *self._second(address)],
            "hostIP": "10.98.1.11",
            "conditions": [*others, condition],
        }
        return self.registry.set_status("pods", metadata["namespace"], metadata["name"], status)

    def _second(self, address):
        last = address.rpartition(".")[2]
        return [{"ip": f"fd00:10:244:1::{last}"}] if IPV6 in self.families else []

    def finish_deletions(self):
        for pod in self.store.list("pods", "demo"):
            if "deletionTimestamp" in pod["metadata"]:
                self.registry.finalize("pods", "demo", pod["metadata"]["name"])

    async def all_ready(self, rounds=30):
        """Play the kubelet until nothing is left to do."""
        for _ in range(rounds):
            await self.settle()
            before = self.store.revision
            for pod in self.store.list("pods", "demo"):
                going = "deletionTimestamp" in pod["metadata"]
                if pod["spec"].get("nodeName") and not going and "podIP" not in pod["status"]:
                    self.report(pod)
            self.finish_deletions()
            await self.settle()
            if self.store.revision == before:
                return


def template(image="pause", **labels):
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def dual():
    """A cluster of both families."""
    return Cluster((IPV4, IPV6))


@pytest.fixture
def live(cluster):
    """Run a coroutine function in a cluster with the named controllers, all by default."""

    def run(work, *wanted, cluster=cluster):
        async def inside():
            async with cluster.running(*wanted):
                return await work()

        return asyncio.run(inside())

    return run


@pytest.fixture
def workload():
    """The spec of a ReplicaSet or a Deployment for `app: web`."""

    def made(replicas=2, image="pause", **spec):
        return {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(image, app="web"),
            **spec,
        }

    return made
