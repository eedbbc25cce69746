"""What npol makes of the answers: values that reports are written from."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.errors import PRECEDENCE, ExitCode, Position
from npol.model.causes import Cause
from npol.model.check_claim import CheckClaim
from npol.model.check_finding import CheckFinding
from npol.model.enforcement import EnforcementInterval
from npol.model.expectation import GATEWAY_ERRORS, Expectation, Outcome, Verdict
from npol.model.flow_record import RecordedPolicy
from npol.model.flow_summary import FlowSummary
from npol.model.fresh_start import FreshStart
from npol.model.gap import WatchResult
from npol.model.packet_fate import PacketFate
from npol.model.pairs import PairsResult
from npol.model.part_result import PartResult
from npol.model.prediction import Prediction
from npol.model.probe import Answer, PodRef, Role
from npol.model.reason import Reason
from npol.model.seen_outcome import SeenOutcome
from npol.model.sentence import Sentence
from npol.model.story import FlowKind
from npol.model.verification import FlowVerification


class Witnesses(enum.Enum):
    """Who stands behind an answer: what packets did, and what the policies mean."""

    AGREE = "agree"
    PACKETS_ONLY = "packets only"  # nothing could be predicted
    DIFFER = "differ"  # until the deadline


class Diagnosis(enum.Enum):
    """Expected, predicted, observed: which of the three stands alone."""

    NONE = ""  # all agree, or nothing can be said
    POLICY_BUG = "policy bug"  # the cluster does what the policies say, the story says otherwise
    ENFORCEMENT_GAP = "enforcement gap"  # the cluster does not do what the policies say
    BROKEN_PROBE = "broken probe"  # the probe did not run: it says nothing about any policy
    OTHER_POLICY = "other policy"  # the data plane names one that the prediction does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One answer and what it was asked for."""

    role: Role
    subject: str
    """What was asked, for people: `ClusterIP 10.96.1.2:80`, `pod backend-1 10.244.1.7:3001`."""
    answer: Answer
    address: str = ""
    """The IP address that was asked; "" for a name."""
    port: int = 0
    fate: PacketFate | None = None
    """What the data plane's records say of it; None where there are none to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One flow judged on one round of answers."""

    verdict: Verdict
    outcome: Outcome
    """What the flow as a whole did, as the application would see it."""
    reason: Reason | None = None
    """Why the verdict is not `as expected`, or what is worth knowing although it is."""
    status: int = 0
    seconds: float = 0.0
    """Until the last of its addresses had answered, or was given up."""
    proven: bool = False
    """Whether the data plane's records prove that policies drop it."""
    decided: bool | None = None
    """
    What records say beyond the witnesses: True where nothing is to be waited for, False where
    the next sample may see otherwise.
    """

    @property
    def seen(self) -> SeenOutcome:
        return SeenOutcome(outcome=self.outcome, status=self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePodResult(PartResult):
    """What one of a source's several pods saw of a flow."""

    pod: PodRef


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowResult:
    """What became of one flow in one step."""

    name: str
    at: Position
    step: str
    source: str
    target: str
    """`backend:80/tcp`, for people."""
    expected: Expectation
    """On the network plugin of the run."""
    verdict: Verdict
    kind: FlowKind = FlowKind.CONNECT
    outcome: Outcome | None = None
    """What the flow as a whole did; None where it was not asked."""
    status: int = 0
    """The HTTP status of the answer; 0 without one."""
    reason: Reason | None = None
    skipped: Reason | None = None
    """Why it was not asked at all; then `verdict` says nothing."""
    tags: tuple[str, ...] = ()
    source_pod: PodRef | None = None
    """The pod that the evidence is of: the first that failed, where several were asked."""
    source_pods: int = 1
    """How many pods the source has; more than `by_pod` where a sample of them was asked."""
    by_pod: tuple[SourcePodResult, ...] = ()
    """Of a source with several pods: each that was asked."""
    pairs: PairsResult | None = None
    """Of a flow between selected namespaces; all that is told besides is of one pair of it."""
    target_pods: tuple[PodRef, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    rounds: int = 0
    enforced_after: float | None = None
    """Seconds from the step's change to the last wrong outcome; None without a change."""
    enforced_between: EnforcementInterval | None = None
    """The same by the data plane's records, and of the first packet that fared the new way."""
    settled_after: float = 0.0
    predicted: Prediction | None = None
    witnesses: Witnesses = Witnesses.PACKETS_ONLY
    """Whether the prediction confirms what the packets did."""
    diagnosis: Diagnosis = Diagnosis.NONE
    proof: PacketFate | None = None
    """The record that proves that policies drop it; None without one."""
    named_by_data_plane: tuple[RecordedPolicy, ...] = ()
    """The policies that records name as deciding, where they name any."""
    told_beside: tuple[FlowSummary, ...] = ()
    """What Calico's flows say of its ends in the step's time: evidence that proves nothing."""
    budget: float | None = None
    """Its `converge_within`, in seconds."""
    fresh: FreshStart | None = None
    """What it did from the start of its fresh end on; None where neither is fresh."""
    fixes: tuple[Cause, ...] = ()
    """The smallest changes of policies that make it as expected; () where none is known."""

    @property
    def seen(self) -> SeenOutcome:
        """What the flow as a whole did; nothing where it was not asked."""
        return SeenOutcome(outcome=self.outcome, status=self.status, held=self.expected.held)

    @property
    def answered(self) -> bool:
        """Whether the application got through."""
        return self.outcome is Outcome.OPEN or self.status > 0

    @property
    def cut_behind_proxy(self) -> bool:
        """Whether the answer is a proxy's, which reaches nobody behind it."""
        return self.status in GATEWAY_ERRORS

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Why the policies say what is predicted."""
        return self.predicted.causes if self.predicted else ()

    @property
    def passed(self) -> bool:
        return bool(self.skipped) or self.verdict is Verdict.AS_EXPECTED

    @property
    def inconclusive(self) -> bool:
        """Whether it was asked and says nothing either way."""
        return not self.skipped and self.verdict in (Verdict.UNKNOWN, Verdict.INVALID)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What became of one state check."""

    name: str
    at: Position
    step: str
    expected: CheckClaim | Sentence | None
    """None of one that is skipped; a sentence in a report that was read from a file."""
    verdict: Verdict
    found: CheckFinding | None = None
    """What was seen; None where it was not looked at."""
    reasons: tuple[CheckFinding, ...] = ()
    """Why it is not as claimed, or what is worth knowing although it is."""
    skipped: Reason | None = None
    cannot_fail: tuple[str, ...] = ()
    """
    Where the run itself wrote what it reads back, so that nothing could have falsified it; such a
    check is told, but proves nothing.
    """

    @property
    def passed(self) -> bool:
        return bool(self.skipped) or self.verdict is Verdict.AS_EXPECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step: what was changed, and what it did."""

    name: str
    at: Position
    changes: tuple[str, ...] = ()
    """`applied NetworkPolicy backend-dev/deny-all`, one per object."""
    flows: tuple[FlowResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    skipped: Reason | None = None
    error: str = ""
    """Trouble while the step was set up; its flows were then not asked."""
    began: float = 0.0
    """Seconds after the run began."""
    seconds: float = 0.0
    same_as: str = ""

    @property
    def results(self) -> tuple[FlowResult | CheckResult, ...]:
        return (*self.checks, *self.flows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """The cluster that a run spoke to."""

    context: str
    server: str
    uid: str
    """The uid of the namespace kube-system."""
    version: str
    engine: str
    """`calico`, `cilium`, `npol-lab`, ... or `unknown`."""
    engine_version: str = ""
    enforcement: str = ""
    """What is known of it: `proven by a canary in 0.3 s`, `assumed`, `not proven: ...`."""
    notes: tuple[str, ...] = ()
    options: str = ""
    """How commands name it: `--context dev`; "" for a lab that ends with the run."""
    is_lab: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """How the cluster was given back."""

    complete: bool
    actions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    flows: FlowVerification | None = None
    """None where they were not to be asked: nothing was changed, or a second signal came."""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """What a reader should know although it stands in nobody's way."""
    remedy: str = ""
    """The command that goes on with the restore; "" when it is complete."""
    left: str = ""
    """How to take back what was left applied on purpose; "" when nothing was."""
    kept: str = ""
    """How to delete the debug pods that were kept on purpose; "" when none were."""

    @property
    def proven(self) -> bool:
        """Whether all is back, and the flows are shown to be as before where they were asked."""
        return self.complete and not (self.flows and self.flows.failed)


def _proves_nothing(result: FlowResult | CheckResult) -> bool:
    """Whether it was not asked, or passed although nothing could have falsified it."""
    idle = isinstance(result, CheckResult) and result.cannot_fail
    return bool(result.skipped or (idle and result.passed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Some lines of a file, around one that is to blame; `first` is the first one's number."""

    file: str
    first: int
    lines: tuple[str, ...]

    def shows(self, at: Position) -> bool:
        """Whether a place lies in it."""
        return at.file == self.file and self.first <= at.line < self.first + len(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryReport:
    """One run of one story."""

    story: str
    path: str
    run_id: str
    started: str
    """RFC 3339, UTC."""
    cluster: ClusterFacts | None = None
    steps: tuple[StepResult, ...] = ()
    watch: WatchResult | None = None
    """What the flows did while they were watched; None where they were not."""
    restore: RestoreResult | None = None
    error: str = ""
    """Why the run ended early; "" when it did not."""
    error_code: ExitCode = ExitCode.AS_EXPECTED
    stopped: int = 0
    """The signal that ended the run; 0 for none."""
    covers: tuple[str, ...] = ()
    seconds: float = 0.0
    execs: int = 0
    requests: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    snippets: tuple[Snippet, ...] = ()
    """The policies' lines that are to blame, for reports that are kept."""
    unexercised: tuple[Cause, ...] = ()
    """Rules of the story's policies that no flow exercised; the same."""

    @property
    def results(self) -> tuple[FlowResult | CheckResult, ...]:
        return tuple(r for s in self.steps for r in s.results)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the cluster, and of how it was given back."""
        of_cluster = self.cluster.notes if self.cluster else ()
        of_restore = self.restore.notes if self.restore else ()
        return (*of_cluster, *self._samples, *of_restore)

    @property
    def _samples(self) -> tuple[str, ...]:
        """Sources of which not every pod was asked, one note each."""
        flows = (r for r in self.results if isinstance(r, FlowResult))
        asked = {f.source: (len(f.by_pod), f.source_pods) for f in flows if f.by_pod}
        return tuple(
            f"source {source}: {some} of its {every} pods were asked (ready ones; of more than "
            "ten, one of each node and pod template at least)"
            for source, (some, every) in asked.items()
            if some < every
        )

    @property
    def asked_nothing(self) -> bool:
        """Whether it ran to its end and could not have failed: no flow, no check, none watched."""
        return bool(self.steps) and not self.results and not self.watch

    @property
    def proved_nothing(self) -> bool:
        """The same, or all that it has was skipped, or could not have failed."""
        return bool(self.steps) and not self.watch and all(map(_proves_nothing, self.results))

    @property
    def exit_code(self) -> ExitCode:
        """The worst of everything that happened (errors.PRECEDENCE)."""
        codes = {self.error_code}
        if self.restore and not self.restore.complete:
            codes.add(ExitCode.RESTORE_INCOMPLETE)
        elif self.restore and not self.restore.proven:
            codes.add(ExitCode.UNKNOWN)
        if self.proved_nothing or any(step.error for step in self.steps):
            codes.add(ExitCode.UNKNOWN)
        for flow in self.watch.flows if self.watch else ():
            if flow.over_budget:
                codes.add(ExitCode.DIFFERS)
            elif flow.unseen:
                codes.add(ExitCode.UNKNOWN)
        for result in self.results:
            if not result.passed:
                unknown = result.verdict in (Verdict.UNKNOWN, Verdict.INVALID)
                codes.add(ExitCode.UNKNOWN if unknown else ExitCode.DIFFERS)
        return next(code for code in PRECEDENCE if code in codes)

    @property
    def exit_status(self) -> int:
        """What the process ends with: `exit_code`, or 128+n where a signal ended the run."""
        code = self.exit_code
        if self.stopped and code is not ExitCode.RESTORE_INCOMPLETE:
            return 128 + self.stopped
        return int(code)
