"""What a run stands on: a connection, transaction of what it changes, and its debug pods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby

from npol.changes.begin import TransactionOptions
from npol.changes.dry_run.kubectl_commands import other_policies_of
from npol.changes.journal_types import Key
from npol.changes.rollback.rollback import story_id
from npol.changes.state.snapshot import key_of
from npol.changes.transaction import Transaction
from npol.cni.canary import EnforcementProof
from npol.cni.catalogue import Engine
from npol.cni.other_policy_kinds import foreign_policies
from npol.cni.preflight import PreflightProblem, PreflightRequest, preflight
from npol.errors import InputError, Refused
from npol.flow_records.watch import RecordWatch, watch
from npol.judge import state_changes
from npol.judge.probes import has_denies
from npol.kube.connection import Connection, Mode, connect
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import Ref, Resource
from npol.kube.resource_names import resource_called
from npol.kube.signals import Stop
from npol.model.inventory import Inventory, Obj, pod_ref
from npol.model.probe import PodRef
from npol.model.replay import replay
from npol.model.result import ClusterFacts, RestoreResult
from npol.model.sentence import NOTHING, Sentence
from npol.model.story import Manifest, Step, Story, When
from npol.model.verification import FlowVerification
from npol.policy.parse.object_source import Given
from npol.policy.simulate.simulated_steps import refused_objects
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.from_inventory import cluster_state
from npol.probe.beside_pods import BesidePods
from npol.probe.debug_pod_manifest import debug_pod
from npol.probe.sources import Sources, debug_pod_peers
from npol.run.cluster_changes import ClusterChanges
from npol.run.enforcement_proof import prove_enforcement
from npol.run.given_objects import DEFINITION, GivenObjects, await_definition, choose
from npol.run.given_workloads import wait_until_ready
from npol.run.live_view import LiveView
from npol.run.namespaces import (
    changed_namespaces,
    extras_of,
    named_namespaces,
    namespaces_of,
)
from npol.run.options import Options
from npol.run.predictor import Predictor
from npol.run.probe_batches import ProbeSource
from npol.run.read_inventory import foreseen, look, look_at_selection
from npol.run.run_end import BEFORE, RunEnd, closed
from npol.run.silenced_sources import silenced_sources
from npol.run.stand_ins import stand_in_notes

READ_BY_PROXIES = ("ConfigMap", "Ingress")
"""Kinds of `given` that tell what a proxy asks in its turn; they are not read from the cluster."""


class RunEnvironment:
    """Opened before the first step, closed after the last; nothing of it stays."""

    engine: Engine
    facts: ClusterFacts

    def __init__(self, story: Story, options: Options, run_id: str, stop: Stop) -> None:
        self.story = story
        if options.start_within is not None:
            pod = replace(story.defaults.pod, start_within=options.start_within)
            self.story = replace(story, defaults=replace(story.defaults, pod=pod))
        self.options = options
        self.run_id = run_id
        self._stop = stop
        self._other_policies: tuple[Obj, ...] = ()
        self._applied: dict[Key, Manifest] = {}
        self._connection: Connection | None = None
        self._transaction: Transaction | None = None
        self._sources: Sources | None = None
        self.records: RecordWatch | None = None
        """What the data plane tells; None where nobody listens."""

    # -- opening

    def open(self) -> None:
        """
        Preflight, locks, `given`, debug pods.

        Raises:
            Refused, LockHeld, InputError: say why the run cannot begin.
        """
        self.options.say("looking at the cluster")
        writes = self.story.writes or self._creates or self.options.namespaces
        mode = Mode.APPLY if writes else Mode.SMOKE
        self._connection = connect(
            kubeconfig=self.options.kubeconfig,
            context=self.options.context,
            mode=mode,
            qps=self.options.qps,
        )
        given = self._choose(self._connection)
        self._preflight(self._connection)
        refused = tuple(map(str, refused_objects(self.story)))
        for line in refused:
            self.options.say(line)
        self.records = watch(self.options.flow_records, self._connection)
        self._transaction = self._open_transaction(self._connection, given.kinds)
        enforcement = self._prove()
        self._create_given(given.manifests)
        self._sources = Sources(
            self._connection,
            self.story,
            run_id=self.run_id,
            lease=None if self.options.keep else self._transaction.lease,
            beside=self._beside_pods(),
            look=self._look_beside_pods,
            say=self.options.say,
        )
        self._sources.start()
        self._sources.prepare_beside(silenced_sources(self.story, self.engine.name))
        wait_until_ready(
            self._connection, self.story.given, created=self._creates, say=self.options.say
        )
        notes = (*self.story.notes, *refused, *given.left_out, *self.facts.notes)
        notes += (*self._sources.notes, *self._stand_ins())
        self.facts = replace(self.facts, enforcement=enforcement(), notes=notes)
        self._transaction.mark(BEFORE)

    def _create_given(self, manifests: Sequence[Manifest]) -> None:
        """In their order; those of one kind that follow each other need none of the others."""
        made = 0
        for kind, alike in groupby(manifests, key=lambda manifest: manifest.kind):
            together = list(alike)
            made += len(together)
            self.options.say(f"creating what is given: {made} of {len(manifests)} objects")
            self.transaction.create_all(together)
            for manifest in together if kind == DEFINITION else ():
                await_definition(self.connection, manifest)

    def _choose(self, connection: Connection) -> GivenObjects:
        """What of `given` is made; the rest is told before anything is sent."""
        if not self._creates:
            return GivenObjects(manifests=(), kinds=frozenset(), left_out=())
        given = choose(
            connection,
            self.story.given,
            namespace=self.story.defaults.namespace or "default",
            everything=self.options.create_all,
        )
        for line in given.left_out:
            self.options.notice(line)
        self.story = replace(self.story, given=given.manifests)
        return given

    def _stand_ins(self) -> tuple[str, ...]:
        if not self.engine.is_lab:
            return ()
        return stand_in_notes(self.connection, named_namespaces(self.story))

    def _beside_pods(self) -> BesidePods | None:
        if not self.options.pods_beside:
            return None
        return BesidePods(
            self.connection,
            self.story.defaults.pod_outside,
            run_id=self.run_id,
            owner=lambda: self.transaction.journal,
        )

    def _prove(self) -> Callable[[], str]:
        """Start the canary beside everything else; call the result for what is known."""
        engine = self.engine
        if engine.is_lab:
            return lambda: "by the lab itself"
        if not (self.story.writes and has_denies(self.story, engine.name)):
            return lambda: "not proven: no step of this story needs it"
        if self.options.assume_enforced:
            return lambda: "assumed, as asked (--assume-enforced)"
        self.options.say("starting a canary that shows whether policies are enforced")
        pool = ThreadPoolExecutor(max_workers=1)
        proving = pool.submit(
            prove_enforcement,
            self.connection,
            run_id=self.run_id,
            settings=self.story.defaults.pod_outside,
            namespace=self.story.defaults.canary.namespace or STATE_NAMESPACE,
            say=self.options.say,
            stop=self._stop,
            disposable=self.options.disposable,
        )
        pool.shutdown(wait=False)
        return lambda: self._proven(proving.result())

    def _proven(self, proof: EnforcementProof) -> str:
        self.engine = replace(self.engine, denial=proof.denial)
        return str(proof)

    @property
    def _creates(self) -> bool:
        return self.options.create and bool(self.story.given)

    def _preflight(self, connection: Connection) -> None:
        created = namespaces_of(self.story.given) if self._creates else set()
        found = preflight(
            connection,
            PreflightRequest(
                namespaces=sorted(named_namespaces(self.story) | self._namespace_of_canary),
                changed=self._changed,
                created=sorted(created),
                pods=[
                    debug_pod(peer, self.story.defaults.pod, run_id=self.run_id)
                    for peer in debug_pod_peers(self.story)
                ],
                leave_user=not self.story.defaults.pod.user,
                extras=extras_of(self.story),
                denies=has_denies(self.story, "") and not self.options.assume_enforced,
                against=[*self._no_place_for_canary(), *self._foreseen(self.story)],
            ),
        )
        self.engine = found.engine
        self._other_policies = found.other_policies
        self.facts = ClusterFacts(
            context=connection.context,
            server=connection.server,
            uid=found.uid,
            version=found.version,
            engine=found.engine.name,
            engine_version=found.engine.version,
            enforcement="not proven yet",
            notes=found.notes,
            options="" if self.options.disposable else connection.options,
            is_lab=found.engine.is_lab,
        )

    def _foreseen(self, story: Story) -> Collection[PreflightProblem]:
        most = self.options.max_unlisted_pods
        return foreseen(self.connection, story, max_unlisted_pods=most)

    @property
    def _namespace_of_canary(self) -> set[str]:
        """Where the canary runs, if not in npol's own."""
        named = self.story.defaults.canary.namespace
        return {named} if named and not self.options.assume_enforced else set()

    def _no_place_for_canary(self) -> Iterable[PreflightProblem]:
        for name in self._namespace_of_canary & {*self._changed, *named_namespaces(self.story)}:
            yield PreflightProblem(
                what=f"the canary would run in {name}, which is the story's own",
                hint="`defaults.canary.namespace` names one that the story does not use",
            )

    def _open_transaction(self, connection: Connection, kinds: Collection[Resource]) -> Transaction:
        return Transaction.open(
            connection,
            TransactionOptions(
                run_id=self.run_id,
                namespaces=self._changed,
                story=story_id(self.story),
                create_namespaces=self._creates,
                replace=self.options.replace,
                allow_gitops=self.options.allow_gitops,
                allow_left_changes=self.options.leave or not self.story.writes,
                disposable=self.options.disposable,
                wait=self.options.wait,
                recover_stale=self.options.recover_stale,
                kinds=sorted(kinds, key=lambda k: k.qualified),
                other_policies=other_policies_of(self.story),
            ),
            stop=self._stop,
        )

    @property
    def _changed(self) -> list[str]:
        known = changed_namespaces(self.story, creates=self._creates)
        return sorted(known | set(self.options.namespaces))

    # -- while the story is told

    @property
    def connection(self) -> Connection:
        assert self._connection is not None
        return self._connection

    @property
    def transaction(self) -> Transaction:
        assert self._transaction is not None
        return self._transaction

    def look(self) -> Inventory:
        """The objects of the story's namespaces, now."""
        return look(self.connection, self.story)

    def _look_beside_pods(self) -> Inventory:
        """The same, and the workloads that the debug pods might disturb."""
        beside = {peer.namespace for peer in debug_pod_peers(self.story)}
        return look(self.connection, self.story, beside=beside)

    def view(self) -> LiveView:
        """What state checks look at, now."""
        inventory = self.look()
        return LiveView(
            in_lab=self.engine.is_lab,
            inventory=inventory,
            state=self.state(inventory),
            connection=self.connection,
            inside=self.inside,
        )

    def source(self, peer: str) -> ProbeSource:
        """Where a peer's probes are asked from."""
        assert self._sources is not None
        return self._sources.prober(peer)

    def inside(self, pod: PodRef) -> ProbeSource:
        """A running pod that is asked about itself."""
        assert self._sources is not None
        return self._sources.inside(pod)

    def beside(self, node: str) -> ProbeSource | None:
        """A pod on a node that no policy selects; None: there can be none."""
        assert self._sources is not None
        return self._sources.beside(node)

    def why_nothing_beside(self, node: str) -> str:
        """Why there is no pod of ours on a node, for the report."""
        assert self._sources is not None
        return f"no pod of npol runs beside it: {self._sources.why_nothing_beside(node)}"

    @property
    def pods_beside(self) -> tuple[PodRef, ...]:
        """All pods of ours that run beside sources."""
        assert self._sources is not None
        return tuple(pod_ref(pod) for pod in self._sources.objects_beside if pod["kind"] == "Pod")

    def state(self, inventory: Inventory) -> ClusterState:
        """What an inventory says: policies that the story applied have positions there."""
        told: list[Given] = [m for m in self.story.given if m.kind in READ_BY_PROXIES]
        beside = self._sources.objects_beside if self._sources else ()
        also = [*told, *map(self._as_applied, self._other_policies), *beside]
        own = {k: m for k, m in self._applied.items() if k.is_network_policy}
        applied = {(key.namespace, key.name): manifest for key, manifest in own.items()}
        return cluster_state(inventory, applied=applied, also=also)

    def _as_applied(self, policy: Obj) -> Given:
        """A policy of another kind, by the manifest that was applied where there is one."""
        return self._applied.get(key_of(policy)) or policy

    def predictor(self, state: ClusterState) -> Predictor:
        """Predictions for this moment."""
        return Predictor(state, self.story, self.engine.name)

    def unmet(self, when: When | None) -> Sentence:
        """Why a step is skipped; nothing when it is not."""
        if when is None:
            return NOTHING
        try:
            resource = resource_called(self.connection, when.kind)
        except InputError as error:
            return Sentence(error.message)
        namespace = when.namespace if resource.namespaced else ""
        found = self.connection.get(Ref(resource, namespace, when.name))
        return NOTHING if found else Sentence(f"there is no {when.kind} {when.name}")

    def check_blast_radius(self, step: Step) -> None:
        """
        Raises:
            Refused: the policies of a step that preflight did not know select too much.
        """
        asked = replace(self.story, steps=(step,))
        for found in self._foreseen(asked):
            raise Refused(found.what, hint=found.hint)

    def change(self, step: Step) -> tuple[str, ...]:
        """Make a step's changes; what was done, one line each."""
        done = tuple(replay(step.changes, ClusterChanges(self.transaction, self._applied)))
        if other_policies_of(self.story):
            named = named_namespaces(self.story)
            self._other_policies = foreign_policies(self.connection, named).policies
        return done

    def mark(self, step: str) -> None:
        """Remember the state at the end of a step."""
        self.transaction.mark(step)

    def changed_by_others(self, since: Inventory, asked: Collection[str]) -> list[str]:
        """
        What is not as the step had made it; `asked`: uids of the pods at its flows' ends.

        Where this run writes the journal knows best; elsewhere, what was seen at the start.
        """
        now = look_at_selection(self.connection, self.story, self._changed)
        found = self.transaction.changed_by_others(now)
        return [*found, *state_changes.differences(since, now, asked, self._changed)]

    # -- closing

    def close(self, verify: Callable[[], FlowVerification] | None) -> RestoreResult:
        """
        Policies back, verified by fresh probes; then debug pods, `given` and locks go.

        `verify` asks whether the flows are as before.
        """
        try:
            return self._give_back(verify)
        finally:
            self._close_records()
            if self._connection:
                self._connection.close()

    def _give_back(self, verify: Callable[[], FlowVerification] | None) -> RestoreResult:
        if self._transaction is None:
            return RestoreResult(complete=True)
        self.options.say("giving the cluster back")
        end = RunEnd(
            story=self.story,
            options=self.options,
            connection=self.connection,
            transaction=self._transaction,
            sources=self._sources,
            stop=self._stop,
        )
        return end.give_back(verify)

    def _close_records(self) -> None:
        if self.records:
            self.facts = replace(self.facts, notes=(*self.facts.notes, *self.records.notes()))
            self.records.close()
            self.records = None

    def close_unverified(self) -> RestoreResult:
        """Give back what `close` did not come to, after a defect; nothing is asked any more."""
        return closed(self._transaction) if self._transaction else RestoreResult(complete=True)

    @property
    def execs(self) -> int:
        return self._connection.requests["exec pods"] if self._connection else 0

    @property
    def requests(self) -> Mapping[str, int]:
        """By verb and resource."""
        return dict(self._connection.requests) if self._connection else {}
