"""
The canary, put on a cluster: its pods, its probes, its journal, and all of it gone again.

It lives in the state namespace, under a lock of its own, so that two runs at once follow each
other there and the story's namespaces are not touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial

from npol.changes.begin import TransactionOptions
from npol.changes.journal.configmaps import ensure_state_namespace
from npol.changes.transaction import Transaction
from npol.cni.canary import Canary, EnforcementProof
from npol.errors import Position
from npol.kube.connection import Connection
from npol.kube.exec import open_exec
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.inventory import read
from npol.kube.objects import Object
from npol.kube.signals import Stop
from npol.model.expectation import Outcome
from npol.model.inventory import pod_ref
from npol.model.probe import Answer, PodRef, Probe
from npol.model.story import Peer
from npol.model.story_settings import PodSettings
from npol.probe.debug_pod_manifest import CONTAINER, debug_pod
from npol.probe.debug_pods import DebugPods
from npol.probe.framing import BOOTSTRAP
from npol.probe.prober import Prober

PORT = 8099
LABEL = "npol.dev/canary"
ROLES = ("free", "guarded")
LOCK_WAIT = 120.0
"""Seconds to wait for the canary of another run."""
ASK_WITHIN = 20.0

HINT = "`defaults.canary` sets its image, pull secrets and namespace"

LISTEN = f"""exec </dev/null >/dev/null 2>&1
if command -v socat; then exec timeout 300 socat TCP-LISTEN:{PORT},reuseaddr,fork,backlog=32 -; fi
timeout 300 nc -lk -p {PORT} || timeout 300 nc -lk {PORT}
"""
"""POSIX sh: takes connections for five minutes, several at once, with what the image has."""


def prove_enforcement(
    connection: Connection,
    *,
    run_id: str,
    settings: PodSettings,
    namespace: str = STATE_NAMESPACE,
    say: Callable[[str], None] = lambda text: None,
    denied: Callable[[frozenset[Outcome]], object] = lambda outcomes: None,
    proven: Callable[[EnforcementProof], object] = lambda proof: None,
    stop: Stop | None = None,
    disposable: bool = False,
    within: float = 30.0,
) -> EnforcementProof:
    """
    Prove with packets that NetworkPolicies are enforced on a cluster; leaves nothing there.

    Args:
        run_id: of the run that wants to know.
        settings: how its debug pods are made.
        namespace: where they are made, and its policies.
        say: told what they wait for.
        denied: told what a denied packet sees, as soon as deny-all has closed both ways.
        proven: told the proof while the canary's pods are still there.
        stop: what is checked between two looks; of this thread.
        disposable: the cluster ends with this process.
        within: seconds that the engine may take for one change.

    Raises:
        Refused: they are not enforced; or pods or policies may not be made.
        UnknownVerdict: nothing was proven.
        LockHeld: another run's canary does not end.
    """
    stop = stop or Stop()
    with ExitStack() as stack:
        own = stack.enter_context(closing(connection.fresh()))
        ensure_state_namespace(own)
        transaction = stack.enter_context(
            closing(
                Transaction.open(
                    own,
                    TransactionOptions(
                        run_id=f"{run_id}-canary",
                        namespaces=[namespace],
                        story="canary",
                        disposable=disposable,
                        recover_stale=True,
                        wait=LOCK_WAIT,
                    ),
                    stop=stop,
                )
            )
        )
        started = DebugPods(
            own,
            run_id,
            look=lambda: read(own, [namespace]),
            within=settings.start_within,
            leave_user=not settings.user,
            hint=f"the canary runs in {namespace}: {HINT}",
            say=lambda text: say(f"canary: {text}"),
            sleep=partial(_checked_sleep, stop),
        )
        pods = stack.enter_context(_pods(started, transaction, run_id, settings, namespace))
        probers = _Probers(own, stop)
        stack.callback(probers.close)
        for pod in pods.values():
            stack.enter_context(open_exec(own, pod, ["sh", "-c", LISTEN], stdin=False))
        proof = Canary(
            ask=probers.ask,
            writer=_Journaled(transaction),
            free=pods["free"],
            guarded=pods["guarded"],
            labels={LABEL: "guarded"},
            port=PORT,
            clock=own.clock,
            within=within,
        ).prove(denied)
        proven(proof)
        with stop.restoring():
            stack.close()
        return proof


def _checked_sleep(stop: Stop, seconds: float) -> None:
    stop.check()
    time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Journaled:
    """Writes the policies by way of the journal."""

    transaction: Transaction

    def create(self, policy: Object) -> str:
        return self.transaction.apply(policy)

    def delete(self, policy: Object) -> str:
        return self.transaction.delete(policy)


@dataclass(slots=True)
class _Probers:
    """One prober for each pod."""

    connection: Connection
    stop: Stop
    made: dict[str, Prober] = field(default_factory=dict)

    def ask(self, source: PodRef, probes: Sequence[Probe]) -> Mapping[str, Answer]:
        self.stop.check()
        if source.uid not in self.made:
            self.made[source.uid] = Prober(
                lambda: open_exec(self.connection, source, ("sh", "-c", BOOTSTRAP)), source
            )
        return self.made[source.uid].ask(probes, deadline=ASK_WITHIN)

    def close(self) -> None:
        for prober in self.made.values():
            prober.close()


@contextmanager
def _pods(
    debug: DebugPods,
    transaction: Transaction,
    run_id: str,
    settings: PodSettings,
    namespace: str,
) -> Iterator[dict[str, PodRef]]:
    """The two pods, running; deleted in the end."""
    owner = transaction.lease(namespace)
    manifests = {
        role: _apart(debug_pod(_peer(role, namespace), settings, run_id=run_id, owner=owner))
        for role in ROLES
    }
    try:
        started = debug.start(manifests, debug.look())
        yield {role: pod_ref(pod, CONTAINER) for role, pod in started.items()}
    finally:
        debug.delete()


def _apart(manifest: Object) -> Object:
    """Better on two nodes, where there are two: the way between them is the longer one."""
    term = {
        "labelSelector": {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]},
        "topologyKey": "kubernetes.io/hostname",
    }
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    apart = {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
    affinity = {**(manifest["spec"].get("affinity") or {}), "podAntiAffinity": apart}
    return {**manifest, "spec": {**manifest["spec"], "affinity": affinity}}


def _peer(role: str, namespace: str) -> Peer:
    return Peer(
        name=f"canary-{role}",
        at=Position("canary"),
        namespace=namespace,
        labels={LABEL: role},
    )
