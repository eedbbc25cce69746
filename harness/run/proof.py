"""
The canary, brought to life: two pods of our own in one of the story's namespaces.

A deny-all that selects them and nobody else must bite before the story's own policies are
touched (docs/decisions/0004-canary.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.cluster.canary import Canary, Pair, Proof
from harness.cluster.connection import Connection
from harness.cluster.custody.custody import Custody
from harness.cluster.exec import open_exec
from harness.cluster.objects import Object
from harness.cluster.retry import Clock
from harness.errors import Position
from harness.model.expectation import parse_expectation
from harness.model.inventory import Inventory
from harness.model.probe import Answer, PodRef, Probe
from harness.model.story import Defaults, Flow, Peer, PodSettings, Step, Story
from harness.probe.sources import Sources

LABEL = "npol.dev/canary"
PORT = 9000
LISTEN = f"timeout 300 sh -c 'nc -lk {PORT} || nc -lk -p {PORT}' >/dev/null 2>&1 </dev/null"
HERE = Position("(canary)")
ANSWER_WITHIN = 10.0


def free_namespace(inventory: Inventory, namespaces: Sequence[str]) -> str:
    """The first of these namespaces that no policy is in; "" when all have some."""
    taken = {p["metadata"]["namespace"] for p in inventory.policies}
    return next((n for n in namespaces if n not in taken), "")


def prove(
    connection: Connection,
    custody: Custody,
    *,
    namespace: str,
    run_id: str,
    pod: PodSettings,
    look: Callable[[], Inventory],
) -> Proof:
    """
    That policies bite in a namespace that has none; pods and policies are gone afterwards.

    Raises:
        Refused: they do not, or the pods never reached each other.
        UnknownVerdict: the probes did not run.
    """
    story = _story(namespace, pod)
    with Sources(
        connection, story, run_id=f"{run_id}-canary", lease=custody.lease, look=look
    ) as sources:
        source, target = sources.pod("source"), sources.pod("target")
        listener = open_exec(connection, target, ["sh", "-c", LISTEN], stdin=False)
        try:
            return Canary(
                ask=_Asker(sources),
                writer=_Writer(custody),
                pairs=[Pair(source=source, target=target, port=PORT)],
                source_labels={LABEL: "source"},
                target_labels={LABEL: "target"},
                clock=Clock(),
            ).prove()
        finally:
            listener.close()


class _Asker:
    """Asks from the canary's source."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def __call__(self, source: PodRef, probes: Sequence[Probe]) -> Mapping[str, Answer]:
        return self._sources.inside(source).ask(probes, deadline=ANSWER_WITHIN)


class _Writer:
    """Writes the canary's policies under the run's custody: the journal knows them."""

    def __init__(self, custody: Custody) -> None:
        self._custody = custody

    def create(self, policy: Object) -> None:
        self._custody.apply(policy)

    def delete(self, policy: Object) -> None:
        self._custody.delete(policy)


def _story(namespace: str, pod: PodSettings) -> Story:
    """Two peers that ask each other, so that each gets a debug pod."""
    peers = {
        name: Peer(name=name, at=HERE, namespace=namespace, labels={LABEL: name})
        for name in ("source", "target")
    }
    allow = parse_expectation("allow")
    flows = tuple(
        Flow(name=a, at=HERE, source=a, target=b, port=PORT, expect=allow)
        for a, b in (("source", "target"), ("target", "source"))
    )
    step = Step(name="canary", at=HERE, flows=flows)
    return Story(
        name="canary",
        path="(canary)",
        root="",
        defaults=Defaults(pod=pod),
        peers=peers,
        steps=(step,),
    )
