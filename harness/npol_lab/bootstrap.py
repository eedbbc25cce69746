"""All parts of one lab, put together: what runs inside the namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import secrets
import socket
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from npol.api_rules.objects import Obj
from npol_lab import api, bounded_log, families, system_objects
from npol_lab.controllers import controllers
from npol_lab.kubeconfig import write_kubeconfig
from npol_lab.net.dns import NameServer
from npol_lab.net.dns_records import SLICES, Names
from npol_lab.net.external_hosts import PLACES
from npol_lab.net.network import Network
from npol_lab.net.nft import NftError
from npol_lab.node import cgroups
from npol_lab.node.kubelet import Kubelet
from npol_lab.node.limits import own_memory
from npol_lab.node_services import api_for_pods, serve_kubelets
from npol_lab.pause_processes import Pauses
from npol_lab.registry import Registry
from npol_lab.store import Store

Settings = dict[str, Any]
TOKEN_SECONDS = 3600
NEEDS = "the kernel needs nf_tables with nat, ct, fib, numgen, hash and reject, as Debian's has"


def run_lab(settings: Settings, keeper: socket.socket) -> None:
    """Until the process ends; the keeper takes everything down."""
    bounded_log.set_up()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # every port of a pod is a socket
    resource.setrlimit(resource.RLIMIT_DATA, (own_memory(), own_memory()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.version_info < (3, 12):  # later versions choose it by themselves
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    asyncio.run(_run(settings, keeper))


async def _run(settings: Settings, keeper: socket.socket) -> None:
    """Whatever part ends takes the lab with it: half a cluster would give false results."""
    try:
        async with asyncio.TaskGroup() as tasks:
            await _start(_Parts(settings, keeper), tasks)
            _tell(settings, {"ready": True})
    except* NftError as errors:
        what = "; ".join(str(error) for error in errors.exceptions)
        _tell(settings, {"refused": f"nft does not accept the lab's rules: {what}", "hint": NEEDS})
        raise


def _tell(settings: Settings, news: dict[str, Any]) -> None:
    """To `Lab.start`, once: when all is up it listens no more."""
    teller = settings.pop("teller", None)
    if teller is not None:
        os.write(teller, json.dumps(news).encode() + b"\n")
        os.close(teller)


class _Parts:
    """The parts that know each other."""

    def __init__(self, settings: Settings, keeper: socket.socket) -> None:
        self.settings = settings
        self.directory = Path(settings["directory"])
        self.store = Store()
        self.families = families.named(settings["ip_families"])
        self.registry = Registry(self.store, families=self.families)
        self.admin = secrets.token_urlsafe(32)
        self.tokens = api.Tokens(self.admin, self.store)
        self.network = Network(
            settings["id"],
            Pauses(keeper, owner=settings["owner"]),
            families=self.families,
            enforce=settings["enforcement"],
            delay=settings["enforcement_delay"],
            fresh_delay=settings["fresh_pod_delay"],
        )
        self.kubelet = Kubelet(
            self.registry,
            self.network,
            state=Path(settings["state"]),
            token=self._token_for,
            owner=settings["owner"],
            bounded=True,
            strict=settings["strict"],
            dns=lambda: NameServer(Names(self.store, PLACES, self.families)),
        )

        self.kubelet.host.groups = cgroups.groups(settings["id"])

    def _token_for(self, namespace: str, account: str) -> str:
        found = self.registry.get("serviceaccounts", namespace, account)
        return self.tokens.issue(namespace, account, found["metadata"]["uid"], TOKEN_SECONDS)[0]


async def _start(parts: _Parts, tasks: asyncio.TaskGroup) -> None:
    """Everything up, pods ready and names resolvable; then the door opens."""
    nodes = [f"lab-{n}" for n in range(1, parts.settings["nodes"] + 1)]
    certificates = api.issue()
    await parts.network.start(*nodes)
    addresses = {name: parts.network.node_addresses(name) for name in nodes}
    system_objects.install(
        parts.registry,
        lab=parts.settings["id"],
        nodes=addresses,
        families=parts.families,
        now=time.time(),
        enforces=parts.settings["enforcement"],
        tells_flows=parts.network.tells_flows,
    )
    work: list[Coroutine[Any, Any, None]] = [parts.network.run(parts.store), parts.kubelet.run()]
    for controller in controllers(parts.registry, ca=certificates.authority.decode()):
        work.append(controller.run())
    work.append(serve_kubelets(parts.network, nodes, certificates.context))
    for coroutine in work:
        tasks.create_task(coroutine)
    await parts.network.settled()  # so that a kernel without nf_tables is named at once
    agents = {system_objects.flow_agent_on(name) for name in nodes if parts.network.tells_flows}
    await _complete(parts.store, {*system_objects.NEEDED, *agents})
    await parts.network.settled()
    listener = socket.socket(fileno=parts.settings["listener"])
    server = api.Api(parts.registry, parts.kubelet.runtime, parts.tokens, certificates)
    await server.start(listener, api_for_pods())
    write_kubeconfig(
        parts.directory / "kubeconfig",
        port=listener.getsockname()[1],
        authority=certificates.authority,
        token=parts.admin,
    )


async def _complete(store: Store, waiting: set[str]) -> None:
    """Wait until all pods of the system are ready and the name server is behind its Service."""
    with contextlib.closing(store.subscribe("pods", SLICES)) as subscription:
        async for event in subscription:
            if event.resource == SLICES:
                waiting -= {system_objects.DNS_SLICE} if _serves_names(event.object) else set()
            elif _ready(event.object):
                waiting -= {_app(event.object)}
            if not waiting:
                return


def _serves_names(piece: Obj) -> bool:
    labels = piece["metadata"].get("labels") or {}
    return labels.get("kubernetes.io/service-name") == "kube-dns" and bool(piece.get("endpoints"))


def _app(pod: Obj) -> str:
    labels = pod["metadata"].get("labels") or {}
    if labels.get("k8s-app") == system_objects.FLOW_AGENT:
        return system_objects.flow_agent_on(pod["spec"]["nodeName"])
    return str(labels.get("k8s-app") or labels.get(system_objects.PLACE, ""))


def _ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
