"""Following the store, and keeping every node's rules what the objects mean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from npol.api_rules.objects import Obj
from npol_lab.net import policies, services
from npol_lab.net.conntrack import Place
from npol_lab.net.external_hosts import PLACES
from npol_lab.net.flow_log import Identities, PolicyName
from npol_lab.net.nft import NftError, Ruleset
from npol_lab.net.node import Node, base_chains
from npol_lab.net.pods import is_judged, pod_of
from npol_lab.net.policy import Policy, compile_policy
from npol_lab.store import Event, Store

DEBOUNCE = 0.003
"""Seconds in which changes are gathered into one transaction per node."""
SLICES = "endpointslices.discovery.k8s.io"
POLICIES = "networkpolicies.networking.k8s.io"
FOLLOWED = ("pods", "namespaces", "services", SLICES, POLICIES)
log = logging.getLogger(__name__)


class Agent:
    """
    What kube-proxy and a network plugin's agents do, for all nodes.

    `enforce` False: policies are accepted and ignored, as by a plugin without them.
    `delay`: seconds by which policies come into force late.
    """

    def __init__(
        self, nodes: Mapping[str, Node], *, enforce: bool, delay: float, api_server: str
    ) -> None:
        self._nodes = nodes
        self._enforce = enforce
        self._delay = delay
        self._api_server = api_server
        self._chains: dict[str, PolicyName] = {}
        self._addresses: dict[str, str] = {}
        self._pods: dict[str, Obj] = {}
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {r: {} for r in FOLLOWED}
        self._compiled: dict[tuple[str, str], Policy] = {}
        self._selects = policies.Selection()
        self._served: Mapping[Place, frozenset[Place]] = {}
        self._changed = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []

    async def run(self, store: Store) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(store))
            tasks.create_task(self._keep_programming())

    def add(self, pod: Obj, ip: str) -> None:
        """A Pod object has this address now. `settled` says when its rules are in force."""
        metadata = pod["metadata"]
        newest = self._objects["pods"].get((metadata["namespace"], metadata["name"]))
        same = newest is not None and newest["metadata"]["uid"] == metadata["uid"]
        self._pods[metadata["uid"]] = newest if newest is not None and same else pod
        self._addresses[metadata["uid"]] = ip
        self._changed.set()

    def remove(self, uid: str) -> None:
        self._addresses.pop(uid, None)
        if self._pods.pop(uid, None) is not None:
            self._changed.set()

    async def settled(self) -> None:
        """
        Wait until everything that is known now is in force on every node.

        Raises:
            NftError: the rules were not accepted.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._changed.set()
        await waiter

    async def _follow(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        async for event in store.subscribe(*FOLLOWED):
            if event.resource == POLICIES and self._delay:
                loop.call_later(self._delay, self._note, event)
            else:
                self._note(event)

    def _note(self, event: Event) -> None:
        metadata = event.object["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        if event.type == "DELETED":
            self._objects[event.resource].pop(key, None)
        else:
            self._objects[event.resource][key] = event.object
        if event.resource == "pods" and metadata["uid"] in self._pods:
            self._pods[metadata["uid"]] = event.object
        if event.resource == POLICIES:
            self._compile(key, None if event.type == "DELETED" else event.object)
        self._changed.set()

    def _compile(self, key: tuple[str, str], policy: Obj | None) -> None:
        self._compiled.pop(key, None)
        if policy is None or not self._enforce:
            return
        try:
            compiled = compile_policy(policy)
        except ValueError:
            log.exception("policy %s cannot be enforced: it isolates and allows nothing", key)
            empty: Obj = {"ingress": [], "egress": []}
            compiled = compile_policy(policy | {"spec": policy["spec"] | empty})
        self._compiled[key] = compiled
        name = PolicyName(namespace=compiled.namespace, name=compiled.name, uid=compiled.uid)
        self._chains.update(dict.fromkeys(compiled.chains.values(), name))

    async def _keep_programming(self) -> None:
        """
        Raises:
            NftError: the rules were not accepted. A node whose rules are old would lie.
        """
        while True:
            await self._changed.wait()
            await asyncio.sleep(DEBOUNCE)
            self._changed.clear()
            waiting, self._waiting = self._waiting, []
            try:
                await self._program()
            except NftError as error:
                _tell(waiting, error)
                raise
            _tell(waiting, None)

    async def _program(self) -> None:
        world = self._world()
        ports = services.exposed(self._objects["services"].values(), self._objects[SLICES].values())
        nodes = self._nodes.values()
        await asyncio.gather(*(node.program(_rules(node, world, ports)) for node in nodes))
        identities = self._identities(world)
        for node in nodes:
            node.flows.identities = identities
        served = services.udp_endpoints(ports, [node.address for node in nodes])
        fewer = {k: now for k, now in served.items() if self._served.get(k, now) - now}
        self._served = served
        if fewer:
            await asyncio.gather(*(node.forget(fewer) for node in nodes))

    def _identities(self, world: policies.World) -> Identities:
        return Identities(
            pods={pod.ip: pod for pod in world.pods},
            namespaces=world.namespaces,
            policies=self._chains,
            nodes=frozenset(
                [
                    *(node.address for node in self._nodes.values()),
                    *(place.address for place in PLACES),
                ]
            ),
            api_server=self._api_server,
        )

    def _world(self) -> policies.World:
        return policies.World(
            policies=self._compiled.values(),
            pods=[
                pod_of(pod, self._addresses[uid])
                for uid, pod in self._pods.items()
                if is_judged(pod)
            ],
            namespaces={
                name: frozenset((obj["metadata"].get("labels") or {}).items())
                for (_, name), obj in self._objects["namespaces"].items()
            },
            selects=self._selects,
        )


def _tell(waiting: Iterable[asyncio.Future[None]], failure: Exception | None) -> None:
    for waiter in waiting:
        if waiter.done():
            continue
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)


def _rules(node: Node, world: policies.World, ports: Iterable[services.Exposed]) -> Ruleset:
    whole = base_chains(node, (pod.ip for pod in world.pods if pod.node == node.name))
    served = services.rules_for(node.name, ports, world.pods)
    judged = policies.rules_for(node.name, world, told=node.tells_flows)
    for part in (judged, served):
        whole.sets |= part.sets
        whole.chains |= part.chains
    return whole
