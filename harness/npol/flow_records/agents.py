"""The Cilium agents of a cluster, and the nodes whose records are followed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from npol.cni.own_rights import allowed
from npol.flow_records.agent_stream import AgentStream
from npol.flow_records.store import RecordStore
from npol.kube.api_errors import Forbidden
from npol.kube.connection import Connection
from npol.kube.exec import open_exec
from npol.kube.exec_stream import ExecStream
from npol.kube.objects import PODS, Object
from npol.kube.rbac import SYSTEM, Right
from npol.model.inventory import pod_ref
from npol.model.probe import PodRef

AGENT, CONTAINER = "k8s-app=cilium", "cilium-agent"


def agents_of(connection: Connection) -> dict[str, PodRef]:
    """
    The agents' pods by node: in the system's namespace, else in any, if we may look there.

    Nothing is tried that is known to be refused: a run needs no more than its printed roles.
    """
    pods = _listed(connection, SYSTEM)
    if not pods and allowed(connection, Right(verb="list", group="", resource="pods")):
        pods = _listed(connection, "")
    found = (pod_ref(pod, CONTAINER) for pod in pods)
    return {agent.node: agent for agent in found if agent.node and agent.ready}


def _listed(connection: Connection, namespace: str) -> list[Object]:
    with suppress(Forbidden):
        return connection.list(PODS, namespace, selector=AGENT)
    return []


class AgentRecords:
    """Follows the nodes that a story's flows begin or end on, and no other."""

    def __init__(self, connection: Connection, store: RecordStore) -> None:
        self._connection = connection
        self._store = store
        self._agents = agents_of(connection)
        self._streams: dict[str, AgentStream] = {}
        self._addresses: set[str] = set()
        self._missing: frozenset[str] = frozenset()

    @property
    def found(self) -> bool:
        """Whether this cluster has agents at all."""
        return bool(self._agents)

    @property
    def nodes(self) -> list[str]:
        """Those that are followed, as far as is known."""
        return sorted(n for n, s in self._streams.items() if not s.failed)

    @property
    def failed(self) -> dict[str, str]:
        """Node -> why its records cannot be had."""
        broken = {n: s.failed for n, s in self._streams.items() if s.failed}
        return {**broken, **dict.fromkeys(self._missing, "no agent's pod is Ready there")}

    def follow(self, sources: Iterable[PodRef], nodes: Collection[str]) -> None:
        """Have what these pods send told by these nodes, from now on."""
        self._addresses |= {ip for pod in sources for ip in pod.ips}
        if not self._agents.keys() >= set(nodes):
            self._agents |= agents_of(self._connection)
        self._missing = frozenset(set(nodes) - self._agents.keys())
        for node in nodes:
            if node in self._agents:
                self._stream(node).follow(self._addresses)

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()

    def _stream(self, node: str) -> AgentStream:
        if node not in self._streams:
            agent = self._agents[node]

            def start(argv: Sequence[str]) -> ExecStream:
                return open_exec(self._connection, agent, argv)

            self._streams[node] = AgentStream(start, node, self._store)
        return self._streams[node]
