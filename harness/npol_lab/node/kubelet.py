"""The kubelets of all nodes: they follow the pods that are bound to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from npol.api_rules.objects import Obj
from npol_lab.isolation import paths
from npol_lab.node.limits import PODS, WRITTEN
from npol_lab.node.node_context import Host, NameServer
from npol_lab.node.pod import Pod
from npol_lab.node.runtime import Runtime
from npol_lab.node.sandbox import Network
from npol_lab.node.stand_ins import selects
from npol_lab.node.volumes import Token, claim_directory, make_bounded
from npol_lab.registry import Registry
from npol_lab.store import Event

FILES = ("configmaps", "secrets")
CLAIMS, SERVICES = "persistentvolumeclaims", "services"
REFRESH_AFTER = 1.0
"""Seconds from a change of a ConfigMap or a Secret to the files in running pods."""


def _no_token(namespace: str, account: str) -> str:
    return f"lab-token-of-{namespace}-{account}"


class Kubelet:
    """
    Runs the pods of every node of the lab.

    Args:
        state: an empty directory on a tmpfs of the lab's own mount namespace.
        token: makes the tokens that pods mount: (namespace, service account) -> token.
        bounded: volumes are file systems with a limit; otherwise directories.
        owner: the lab's user that pods run as.
        strict: no stand-ins for unknown images.
        dns: makes the name server that answers in place of one container of coredns.
    """

    def __init__(
        self,
        registry: Registry,
        network: Network,
        *,
        state: Path,
        token: Token = _no_token,
        dns: Callable[[], NameServer] | None = None,
        owner: int = 0,
        bounded: bool = False,
        strict: bool = False,
    ) -> None:
        self.host = Host(
            registry=registry, network=network, state=state, token=token, dns=dns, owner=owner
        )
        self.host.bounded, self.host.strict = bounded, strict
        if bounded:
            make_bounded(state / "shared", WRITTEN, 0)
        self.pods: dict[str, Pod] = {}
        self.runtime = Runtime(self.pods)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; all pods end with it."""
        subscription = self.host.registry.store.subscribe("pods", *FILES, CLAIMS, SERVICES)
        watching = asyncio.create_task(self.host.watcher.run())
        try:
            async for event in subscription:
                if event.resource == "pods":
                    self._follow(event)
                elif event.resource == CLAIMS:
                    self._forget(event)
                elif event.resource == SERVICES:
                    self._follow_service(event.object)
                elif event.type != "DELETED":
                    self._refresh_soon(event.object["metadata"]["namespace"])
        finally:
            subscription.close()
            watching.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _follow(self, event: Event) -> None:
        uid = event.object["metadata"]["uid"]
        pod = self.pods.get(uid)
        if event.type == "DELETED":
            if pod is not None:
                pod.vanished()
        elif pod is not None:
            pod.update(event.object)
        elif self._is_here(event.object["spec"].get("nodeName", "")):
            self._begin(event.object)

    def _is_here(self, node: str) -> bool:
        """Whether it is one of the lab's: a pod may name another one, and waits for it then."""
        try:
            return bool(node and self.host.network.node_addresses(node))
        except KeyError:
            return False

    def _follow_service(self, service: Obj) -> None:
        namespace = service["metadata"]["namespace"]
        for pod in self.pods.values():
            if pod.obj["metadata"]["namespace"] == namespace and selects(service, pod.obj):
                pod.follow_services()

    def _begin(self, obj: Obj) -> None:
        if _is_finished(obj):
            return
        if "deletionTimestamp" not in obj["metadata"] and self._is_full(obj["spec"]["nodeName"]):
            self._turn_away(obj)
            return
        pod = self.pods[obj["metadata"]["uid"]] = Pod(self.host, obj)
        if "deletionTimestamp" in obj["metadata"]:
            pod.update(obj)
        task = asyncio.create_task(self._live(pod))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _is_full(self, node: str) -> bool:
        own = (pod.obj for pod in self.pods.values() if pod.node == node)
        return sum(not _is_finished(pod) for pod in own) >= PODS

    def _turn_away(self, obj: Obj) -> None:
        """What no scheduler has sent here: a real kubelet does the same."""
        why = f"requested: 1, used: {PODS}, capacity: {PODS}"
        status = {
            "phase": "Failed",
            "reason": "OutOfpods",
            "message": f"Pod was rejected: Node didn't have enough resource: pods, {why}",
        }
        head = obj["metadata"]
        self.host.registry.set_status("pods", head["namespace"], head["name"], status)

    async def _live(self, pod: Pod) -> None:
        try:
            await pod.run()
        finally:
            self.pods.pop(pod.uid, None)
        metadata = pod.obj["metadata"]
        current = self.host.registry.store.get("pods", metadata["namespace"], metadata["name"])
        if current is not None and current["metadata"]["uid"] == pod.uid:
            self.host.registry.finalize("pods", metadata["namespace"], metadata["name"])

    def _forget(self, event: Event) -> None:
        """What was written to a claim goes with it: the next of its name begins empty."""
        if event.type == "DELETED":
            head = event.object["metadata"]
            place = claim_directory(self.host.state / "shared", head["namespace"], head["name"])
            paths.remove(place.root, place.below)

    def _refresh_soon(self, namespace: str) -> None:
        asyncio.get_running_loop().call_later(REFRESH_AFTER, self._refresh, namespace)

    def _refresh(self, namespace: str) -> None:
        for pod in self.pods.values():
            if pod.obj["metadata"]["namespace"] == namespace:
                pod.volumes.refresh(pod.obj, pod.facts)


def _is_finished(obj: Obj) -> bool:
    return (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed")
