"""Following the store, and keeping every node's rules what the objects mean."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence

from npol.api_rules import addresses
from npol.api_rules.objects import Obj
from npol_lab.families import Family
from npol_lab.net import calico_policies, policies, services
from npol_lab.net.calico_world import CalicoWorld
from npol_lab.net.conntrack import Place
from npol_lab.net.external_hosts import PLACES
from npol_lab.net.flow_log import Identities, PolicyName
from npol_lab.net.nft import NftError, Ruleset
from npol_lab.net.node import Node, base_chains
from npol_lab.net.pods import Pod, is_judged, pod_of
from npol_lab.net.policy import Policy, compile_policy
from npol_lab.net.tier_policies import KINDS as TIER_KINDS
from npol_lab.net.tier_policies import TierPolicies
from npol_lab.store import Event, Store

DEBOUNCE = 0.003
"""Seconds in which changes are gathered into one transaction per node."""
SLICES = "endpointslices.discovery.k8s.io"
POLICIES = "networkpolicies.networking.k8s.io"
DELAYED = {POLICIES, *TIER_KINDS, *calico_policies.KINDS}
OF_CALICO = {calico_policies.ACCOUNTS, *calico_policies.KINDS}
FOLLOWED = ("pods", "namespaces", "nodes", "services", SLICES, *sorted(DELAYED | OF_CALICO))
log = logging.getLogger(__name__)


class Agent:
    """
    What kube-proxy and a network plugin's agents do, for all nodes.

    `enforce` False: policies are accepted and ignored, as by a plugin without them.
    `delay`: seconds by which policies come into force late.
    `fresh_delay`: seconds for which policies do not know of a pod once its containers run.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        *,
        families: Sequence[Family],
        enforce: bool,
        delay: float,
        fresh_delay: float,
        api_server: str,
    ) -> None:
        self._nodes = nodes
        self._families = families
        self._enforce = enforce
        self._delay = delay
        self._fresh_delay = fresh_delay
        self._fresh: set[str] = set()
        """The uids of pods that policies do not know of yet."""
        self._growing: dict[str, asyncio.Task[None]] = {}
        self._api_server = api_server
        self._chains: dict[str, PolicyName] = {}
        self._addresses: dict[str, Sequence[str]] = {}
        self._pods: dict[str, tuple[Pod, ...]] = {}
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {r: {} for r in FOLLOWED}
        self._compiled: dict[tuple[str, str], Sequence[Policy]] = {}
        self._tiers = TierPolicies(families, enforce=enforce)
        self._calico = calico_policies.CalicoPolicies(enforce=enforce)
        self._selects = policies.Selection()
        self._served: Mapping[Place, frozenset[Place]] = {}
        self._changed = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []

    async def run(self, store: Store) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(store))
            tasks.create_task(self._keep_programming())

    def add(self, pod: Obj, ips: Sequence[str]) -> None:
        """
        A Pod object has these addresses now, one of each family.

        `settled` says when its rules are in force.
        """
        metadata = pod["metadata"]
        newest = self._objects["pods"].get((metadata["namespace"], metadata["name"]))
        same = newest is not None and newest["metadata"]["uid"] == metadata["uid"]
        self._addresses[metadata["uid"]] = ips
        if self._fresh_delay:
            self._fresh.add(metadata["uid"])
        self._learn(newest if newest is not None and same else pod)
        self._changed.set()

    def _watch_growth(self, pod: Obj) -> None:
        """A fresh pod runs: from now on its time counts."""
        uid = pod["metadata"]["uid"]
        if uid not in self._fresh or uid in self._growing or pod["status"]["phase"] != "Running":
            return
        self._growing[uid] = asyncio.create_task(self._grow(uid, pod["metadata"]["name"]))
        self._growing[uid].add_done_callback(lambda _: self._growing.pop(uid, None))

    async def _grow(self, uid: str, name: str) -> None:
        """The log says when, on the machine's clock: what is measured can be held against it."""
        await asyncio.sleep(self._fresh_delay)
        self._fresh.discard(uid)
        await self.settled()
        log.warning("policies know pod %s since %.3f", name, time.time())

    def remove(self, uid: str) -> None:
        self._addresses.pop(uid, None)
        self._fresh.discard(uid)
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
            if event.resource in DELAYED and self._delay:
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
        if event.resource == "pods":
            self._watch_growth(event.object)
        if event.resource == "pods" and not self._learn(event.object):
            return
        if event.resource in OF_CALICO:
            if not self._calico.note(event):
                return
            self._chains.update(self._calico.names)
        if event.resource == POLICIES:
            self._compile(key, None if event.type == "DELETED" else event.object)
        if event.resource in TIER_KINDS:
            self._tiers.note(event)
            self._chains.update(self._tiers.names)
        self._changed.set()

    def _learn(self, pod: Obj) -> bool:
        """Whether rules could change by it: most of a pod's states mean nothing to the network."""
        uid = pod["metadata"]["uid"]
        ips = self._addresses.get(uid, ()) if is_judged(pod) else ()
        seen = tuple(pod_of(pod, ip) for ip in ips)
        if self._pods.get(uid, ()) == seen:
            return False
        self._pods[uid] = seen
        return True

    def _compile(self, key: tuple[str, str], policy: Obj | None) -> None:
        self._compiled.pop(key, None)
        if policy is None or not self._enforce:
            return
        try:
            compiled = [compile_policy(policy, family) for family in self._families]
        except ValueError:
            log.exception("policy %s cannot be enforced: it isolates and allows nothing", key)
            empty: Obj = {"ingress": [], "egress": []}
            closed = policy | {"spec": policy["spec"] | empty}
            compiled = [compile_policy(closed, family) for family in self._families]
        self._compiled[key] = compiled
        for one in compiled:
            name = PolicyName(namespace=one.namespace, name=one.name, uid=one.uid)
            self._chains.update(dict.fromkeys(one.chains.values(), name))

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
        worlds = [self._world(family) for family in self._families]
        ports = {family: self._exposed(family) for family in self._families}
        nodes = self._nodes.values()
        pods = {family: self._living(n) for n, family in enumerate(self._families)}
        await asyncio.gather(*(node.program(_rules(node, worlds, ports, pods)) for node in nodes))
        identities = self._identities(worlds, pods)
        for node in nodes:
            node.flows.identities = identities
        served = services.udp_endpoints(
            [port for found in ports.values() for port in found],
            [address for node in nodes for address in node.addresses],
        )
        fewer = {k: now for k, now in served.items() if self._served.get(k, now) - now}
        self._served = served
        if fewer:
            await asyncio.gather(*(node.forget(fewer) for node in nodes))

    def _exposed(self, family: Family) -> list[services.Exposed]:
        slices = self._objects[SLICES].values()
        return services.exposed(self._objects["services"].values(), slices, family)

    def _living(self, which: int, *, known: bool = False) -> list[Pod]:
        """By their address of that family; `known`: to policies."""
        seen = self._pods.items()
        return [p[which] for uid, p in seen if p and not (known and uid in self._fresh)]

    def _identities(
        self, worlds: Sequence[policies.World], pods: Mapping[Family, Sequence[Pod]]
    ) -> Identities:
        return Identities(
            pods={pod.ip: pod for found in pods.values() for pod in found},
            namespaces=worlds[0].namespaces,
            policies=self._chains,
            nodes=frozenset(
                [
                    *(a for node in self._nodes.values() for a in node.addresses),
                    *(place.address(family) for place in PLACES for family in self._families),
                ]
            ),
            api_server=self._api_server,
        )

    def _world(self, family: Family) -> policies.World:
        which = self._families.index(family)
        pods = self._living(which, known=True)
        namespaces = {
            name: frozenset((obj["metadata"].get("labels") or {}).items())
            for (_, name), obj in self._objects["namespaces"].items()
        }
        of_calico, slices = self._calico.objects, self._objects[SLICES].values()
        return policies.World(
            policies=[compiled[which] for compiled in self._compiled.values()],
            pods=pods,
            namespaces=namespaces,
            selects=self._selects,
            family=family,
            tier_policies=self._tiers.compiled(family),
            nodes={name: _facts(node) for (_, name), node in self._objects["nodes"].items()},
            calico=CalicoWorld(of_calico, pods, namespaces, slices, family) if of_calico else None,
        )


def _facts(node: Obj) -> policies.NodeFacts:
    listed = (node.get("status") or {}).get("addresses") or []
    labels = frozenset((node["metadata"].get("labels") or {}).items())
    kinds = ("InternalIP", "ExternalIP")
    own = [a["address"] for a in listed if a["type"] in kinds and addresses.address(a["address"])]
    return labels, own


def _tell(waiting: Iterable[asyncio.Future[None]], failure: Exception | None) -> None:
    for waiter in waiting:
        if waiter.done():
            continue
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)


def _rules(
    node: Node,
    worlds: Iterable[policies.World],
    ports: Mapping[Family, Iterable[services.Exposed]],
    pods: Mapping[Family, Sequence[Pod]],
) -> dict[Family, Ruleset]:
    return {
        world.family: _rules_of(node, world, ports[world.family], pods[world.family])
        for world in worlds
    }


def _rules_of(
    node: Node,
    world: policies.World,
    ports: Iterable[services.Exposed],
    pods: Sequence[Pod],
) -> Ruleset:
    family = world.family
    own = (pod.ip for pod in pods if pod.node == node.name)
    whole = base_chains(node, own, family)
    served = services.rules_for(node.name, ports, pods, family)
    judged = policies.rules_for(node.name, world, told=node.tells_flows)
    for part in (judged, served):
        whole.sets |= part.sets
        whole.chains |= part.chains
    return whole
