"""What a run stands on: a connection, transaction of what it changes, and its debug pods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial

from npol.changes.begin import first_look
from npol.changes.state.snapshot import key_of
from npol.changes.transaction import Transaction
from npol.cni.catalogue import Engine
from npol.cni.preflight import preflight
from npol.cni.preflight_request import PreflightProblem
from npol.errors import InputError, NpolError, Refused
from npol.flow_records.record_watch import RecordWatch, watch
from npol.flow_records.whisker import WhiskerFlow
from npol.judge import state_changes
from npol.judge.probes import has_denies
from npol.kube.connection import Connection, connect
from npol.kube.objects import PODS, Ref
from npol.kube.resource_names import resource_called
from npol.kube.signals import Stop
from npol.model.change import Apply
from npol.model.inventory import Inventory
from npol.model.probe import PodRef
from npol.model.reason import Reason, ReasonCode
from npol.model.result import ClusterFacts, RestoreResult
from npol.model.story import Step, Story, When
from npol.model.verification import FlowVerification
from npol.policy.simulate.simulated_steps import refused_objects
from npol.policy.state.cluster_state import ClusterState
from npol.probe.beside_pods import BesidePods
from npol.probe.fresh_program import FreshProgram
from npol.probe.source_peers import debug_pod_peers
from npol.probe.sources import Sources
from npol.run.applied_policies import AppliedPolicies
from npol.run.autoscaled import autoscaled
from npol.run.create_given import create_given
from npol.run.given_objects import GivenObjects, choose
from npol.run.given_workloads import ready_at_the_end
from npol.run.held_flows import HeldFlows
from npol.run.live_view import LiveView
from npol.run.namespaces import named_namespaces
from npol.run.options import Options
from npol.run.python_sources import check_python
from npol.run.read_inventory import InventoryReader, foreseen
from npol.run.run_end import BEFORE, RunEnd, Verify, closed
from npol.run.run_scope import RunScope
from npol.run.silenced_sources import silenced_sources
from npol.run.source_names import SourceNames
from npol.run.stand_ins import stand_in_notes
from npol.run.start_canary import StartedCanary, start_canary

MOST_EXECS_AHEAD = 16
"""
Connections opened for execs while pods start: each peer may be asked from, or inside, and besides
there are the pods of ours and the agents of nodes.
"""


class RunEnvironment:
    """Opened before the first step, closed after the last; nothing of it stays."""

    engine: Engine
    _facts: ClusterFacts

    def __init__(self, story: Story, options: Options, run_id: str, stop: Stop) -> None:
        self.story = story
        if options.start_within is not None:
            pod = replace(story.defaults.pod, start_within=options.start_within)
            self.story = replace(story, defaults=replace(story.defaults, pod=pod))
        self.options = options
        self.run_id = run_id
        self._stop = stop
        self._applied = AppliedPolicies()
        self._connection: Connection | None = None
        self._inventory: InventoryReader | None = None
        self._transaction: Transaction | None = None
        self._sources: Sources | None = None
        self.names = SourceNames()
        """What names outside the cluster have resolved to."""
        self.held = HeldFlows()
        """What connections were opened to be kept."""
        self.records: RecordWatch | None = None
        """What the data plane tells; None where nobody listens."""
        self._enforcement: StartedCanary | str = "not proven yet"
        self._stand_ins: Future[tuple[str, ...]] | None = None
        """What a lab runs that is not the image's own program, in words."""
        self._summed: Sequence[WhiskerFlow] = ()

    # -- opening

    def open(self) -> None:
        """
        Preflight, locks, `given`, debug pods.

        Raises:
            Refused, LockHeld, InputError: say why the run cannot begin.
        """
        self.options.say("looking at the cluster")
        self._connection = connect(
            kubeconfig=self.options.kubeconfig,
            context=self.options.context,
            mode=self._scope.mode,
            qps=self.options.qps,
        )
        given = self._choose(self._connection)
        wanted = self._scope.transaction_options(given.kinds)
        with ThreadPoolExecutor(max_workers=2) as pool:
            listening = pool.submit(self._listen, self._connection)
            looked = pool.submit(first_look, self._connection, wanted)
            self._preflight(self._connection)
            listening.result()
        refused = tuple(map(str, refused_objects(self.story)))
        for line in refused:
            self.options.say(line)
        self._transaction = Transaction.open(
            self._connection, wanted, stop=self._stop, seen=looked.result()
        )
        self._enforcement = start_canary(self._connection, self._scope, self.engine, self._stop)
        create_given(self._connection, self._transaction, given.manifests, self.options.say)
        self._connection.open_ahead(execs=min(MOST_EXECS_AHEAD, len(self.story.peers) + 4))
        self._sources = Sources(
            self._connection,
            self.story,
            run_id=self.run_id,
            lease=None if self.options.keep else self._transaction.lease,
            beside=self._beside_pods(),
            look=self._look_beside_pods,
            recorded=self.records is not None,
            say=self.options.say,
        )
        with self._given_ready(self._connection):
            self._sources.start()
            self._sources.prepare_beside(silenced_sources(self.story, self.engine.name))
        self._stand_ins = _begun(self._told_stand_ins)
        check_python(self.story, self._sources)
        notes = (*self.story.notes, *refused, *given.left_out, *self._facts.notes)
        self._facts = replace(self._facts, notes=(*notes, *self._sources.notes))
        self._transaction.mark(BEFORE)

    def _listen(self, connection: Connection) -> None:
        self.records = watch(self.options.flow_records, connection)

    def _choose(self, connection: Connection) -> GivenObjects:
        """What of `given` is made; the rest is told before anything is sent."""
        if not self._scope.creates:
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

    def _given_ready(self, connection: Connection) -> AbstractContextManager[None]:
        return ready_at_the_end(
            connection, self.story.given, created=self._scope.creates, say=self.options.say
        )

    def _told_stand_ins(self) -> tuple[str, ...]:
        if not self.engine.is_lab:
            return ()
        with suppress(NpolError):  # what cannot be read any more is no reason against a verdict
            return stand_in_notes(self.connection.list_in(PODS, named_namespaces(self.story)))
        return ()

    @property
    def facts(self) -> ClusterFacts:
        """What the report says of the cluster; no attribute before preflight has passed."""
        notes = self._stand_ins.result() if self._stand_ins else ()
        return replace(
            self._facts,
            enforcement=str(self._enforcement),
            notes=(*self._facts.notes, *notes),
        )

    def _beside_pods(self) -> BesidePods | None:
        if not self.options.pods_beside:
            return None
        return BesidePods(
            self.connection,
            self.story.defaults.pod_outside,
            run_id=self.run_id,
            owner=lambda: self.transaction.journal,
        )

    @property
    def _scope(self) -> RunScope:
        return RunScope(story=self.story, options=self.options, run_id=self.run_id)

    def _preflight(self, connection: Connection) -> None:
        request = self._scope.preflight_request(
            lambda: [*self._foreseen(self.story), *autoscaled(connection, self.story)]
        )
        found = preflight(connection, request)
        self.engine = found.engine
        self._applied.others = found.other_policies
        self._facts = ClusterFacts(
            context=connection.context,
            server=connection.server,
            uid=found.uid,
            version=found.version,
            engine=found.engine.name,
            engine_version=found.engine.version,
            notes=found.notes,
            options="" if self.options.disposable else connection.options,
            is_lab=found.engine.is_lab,
        )

    def _foreseen(self, story: Story) -> Collection[PreflightProblem]:
        most = self.options.max_unlisted_pods
        return foreseen(self.connection, story, max_unlisted_pods=most)

    # -- while the story is told

    @property
    def connection(self) -> Connection:
        assert self._connection is not None
        return self._connection

    @property
    def _reader(self) -> InventoryReader:
        if self._inventory is None:
            self._inventory = InventoryReader(
                connection=self.connection,
                story=self.story,
                also=self._scope.changed,
                written=self.transaction.written,
            )
        return self._inventory

    @property
    def latest(self) -> Inventory | None:
        """What the last look saw; None before the first."""
        return self._reader.latest

    @property
    def transaction(self) -> Transaction:
        assert self._transaction is not None
        return self._transaction

    @property
    def sources(self) -> Sources:
        """Where probes are asked from."""
        assert self._sources is not None
        return self._sources

    def look(self) -> Inventory:
        """The objects of the story's namespaces, now."""
        return self._reader.look()

    def glance(self) -> Inventory:
        """What was seen last, with the ends of flows as they are now."""
        return self._reader.glance()

    def _look_beside_pods(self) -> Inventory:
        """The same, and the workloads that the debug pods might disturb."""
        beside = {peer.namespace for peer in debug_pod_peers(self.story)}
        return self._reader.look_beside(beside)

    def view(self) -> LiveView:
        """What state checks look at, now."""
        inventory = self._reader.look(checks=True)
        return LiveView(
            in_lab=self.engine.is_lab,
            inventory=inventory,
            state=self.state(inventory),
            connection=self.connection,
            inside=self.sources.inside,
        )

    def state(self, inventory: Inventory) -> ClusterState:
        """What an inventory says: policies that the story applied have positions there."""
        beside = self._sources.objects_beside if self._sources else ()
        state = self._applied.state(inventory, self.story, beside)
        domain = self._sources.cluster_domain if self._sources else ""
        return replace(state, domain=domain) if domain else state

    def unmet(self, when: When | None) -> Reason | None:
        """Why a step is skipped; None when it is not."""
        if when is None:
            return None
        try:
            resource = resource_called(self.connection, when.kind)
        except InputError as error:
            return Reason(code=ReasonCode.KIND_NOT_SERVED, subject=when.kind, said=error.message)
        namespace = when.namespace if resource.namespaced else ""
        found = self.connection.get(Ref(resource, namespace, when.name))
        missing = Reason(code=ReasonCode.NO_SUCH_OBJECT, subject=f"{when.kind} {when.name}")
        return None if found else missing

    def check_blast_radius(self, step: Step) -> None:
        """
        Raises:
            Refused: the policies of a step that preflight did not know select too much.
        """
        asked = replace(self.story, steps=(step,))
        for found in self._foreseen(asked):
            raise Refused(found.what, hint=found.hint)

    def start_fresh(
        self, programs: Mapping[str, FreshProgram], told: Callable[[str, str], None]
    ) -> Mapping[str, PodRef]:
        """Start these peers' pods; from now on the peers are these pods."""
        pods = self.sources.start_fresh(programs, told)
        named = {name: replace(self.story.peers[name], pod=pod.name) for name, pod in pods.items()}
        self.story = replace(self.story, peers={**self.story.peers, **named})
        return pods

    def await_enforcement(self, step: Step) -> None:
        """
        Before a step that changes something or expects a deny: a policy has closed something here.

        Raises:
            Refused: none does.
            UnknownVerdict: nothing was proven.
        """
        if canary := self._canary_for(step):
            self.engine = replace(self.engine, denial=canary.denial())

    def await_proof(self, step: Step) -> None:
        """
        At the end of such a step: what was closed has opened again, so the policy had done it.

        Raises:
            UnknownVerdict: it has not.
        """
        if canary := self._canary_for(step):
            canary.proof()

    def _canary_for(self, step: Step) -> StartedCanary | None:
        canary = self._enforcement if isinstance(self._enforcement, StartedCanary) else None
        return canary if step.changes or has_denies([step], self.engine.name) else None

    def change(self, step: Step) -> tuple[str, ...]:
        """Make a step's changes; what was done, one line each."""
        self._reader.begin(step.changes)
        self.transaction.see(self._reader.carried_policies(step.changes))
        return self._applied.change(self.connection, self.transaction, self.story, step)

    def try_ahead(self, step: Step) -> None:
        """The dry runs of a step that comes next, while the one before it settles."""
        applied = (m for c in step.changes if isinstance(c, Apply) for m in c.manifests)
        self.transaction.try_ahead([m for m in applied if key_of(m.body).is_network_policy])

    def intend_ahead(self, step: Step) -> None:
        """Write down what the next step changes first, while it is looked at how this one ended."""
        first = next(iter(step.changes), None)
        if self.options.leave or not isinstance(first, Apply):
            return  # a journal that stays tells of nothing that was not done
        if all(key_of(manifest.body).is_network_policy for manifest in first.manifests):
            self.transaction.intend_ahead(first.manifests, replace=first.replace)

    def changed_by_others(
        self,
        since: Inventory,
        asked: Collection[str],
        now: Inventory | None = None,
        *,
        explained: bool,
    ) -> list[str]:
        """
        What is not as the step had made it; `asked`: uids of the pods at its flows' ends, `now`:
        what was seen after the last of them was judged; None: it is looked at.

        Where this run writes the journal knows best; elsewhere, what was seen at the start.
        Policies of other kinds are read where what is known does not explain (`explained`) all
        that was seen.
        """
        if now is None:
            now = self._reader.close()
        else:
            self._reader.carry()
        found = self.transaction.changed_by_others(now)
        found += state_changes.differences(since, now, asked, self._scope.changed)
        if not explained:
            found += self._applied.changed_by_others(self.connection, self.story)
        return found

    # -- closing

    def close(self, verify: Verify | None) -> RestoreResult:
        """
        Policies back, verified by fresh probes; then debug pods, `given` and locks go.

        `verify` asks whether the flows are as before; told whether nothing had to be put back.
        """
        try:
            return self._give_back(verify)
        finally:
            self._close_records()
            if self._connection:
                self._connection.close()

    def _give_back(self, verify: Verify | None) -> RestoreResult:
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
        return self._canary_gone(end.give_back(partial(self._verified, verify) if verify else None))

    def _canary_gone(self, given_back: RestoreResult) -> RestoreResult:
        if isinstance(self._enforcement, StartedCanary):
            return self._enforcement.end(given_back)
        return given_back

    def _verified(self, verify: Verify, unchanged: bool) -> FlowVerification:
        if not unchanged:
            self._applied.given_back(self.connection, self.story)
        return verify(unchanged)

    @property
    def summed(self) -> Sequence[WhiskerFlow]:
        """What the data plane has told without ports and addresses so far."""
        return self.records.summed() if self.records else self._summed

    def _close_records(self) -> None:
        if self.records:
            self._summed = self.records.summed()
            if self._transaction:  # else nothing is told but why the run did not begin
                notes = (*self._facts.notes, *self.records.notes())
                self._facts = replace(self._facts, notes=notes)
            self.records.close()
            self.records = None

    def close_unverified(self) -> RestoreResult:
        """Give back what `close` did not come to, after a defect; nothing is asked any more."""
        if self._transaction is None:
            return RestoreResult(complete=True)
        return self._canary_gone(closed(self._transaction))

    @property
    def execs(self) -> int:
        return self._connection.requests["exec pods"] if self._connection else 0

    @property
    def requests(self) -> Mapping[str, int]:
        """By verb and resource."""
        return dict(self._connection.requests) if self._connection else {}


def _begun(look: Callable[[], tuple[str, ...]]) -> Future[tuple[str, ...]]:
    """A look that nothing waits for but the report."""
    pool = ThreadPoolExecutor(max_workers=1)
    begun = pool.submit(look)
    pool.shutdown(wait=False)
    return begun
