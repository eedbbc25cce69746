"""One flow, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from npol.judge.liveness import LivenessRecord
from npol.judge.probes import alive_control, probes_of
from npol.kube.guard import protected
from npol.model.expectation import Word
from npol.model.probe import PodRef, Probe
from npol.model.reason import Reason
from npol.model.story import Flow, FlowKind
from npol.model.target import Target
from npol.policy.state.cluster_state import CLUSTER_DOMAIN
from npol.run.probe_batches import ProbeSource


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedFlow:
    """One flow, ready to be asked: whom, where to, and what is expected."""

    flow: Flow
    source: ProbeSource
    target: Target | None
    timeout: float
    looked_up: tuple[str, ...] = ()
    """The fully qualified names of a DNS flow; a resolver takes the first that exists."""
    source_pods: int = 1
    """How many pods the source has; each that is asked is a prepared flow of its own."""
    domain: str = CLUSTER_DOMAIN
    """Of the cluster's own names."""
    held: tuple[Probe, ...] = ()
    """What asks about the connection that is held open for it, once there is one."""
    probes: tuple[Probe, ...] = field(init=False, repr=False, compare=False)
    """The same in every round."""

    def __post_init__(self) -> None:
        flows = [replace(self.flow, resolve=name) for name in self.looked_up] or [self.flow]
        asked = (p for flow in flows for p in probes_of(flow, self.target, timeout=self.timeout))
        probes = self.held or tuple(asked)
        object.__setattr__(self, "probes", probes)

    @property
    def name(self) -> str:
        """The flow's name, and the pod where its source has several: one name in its step."""
        pod = self.source.source
        if self.source_pods == 1:
            return self.flow.name
        return f"{self.flow.name} (from {pod.name}, {pod.uid[:8]})"

    @property
    def before(self) -> str:
        """What its answer is remembered by from step to step."""
        return f"{self.source.source.uid} {self.flow.key}"

    @property
    def families(self) -> tuple[int, ...]:
        """The IP families it is asked over; a look-up's is its source's first."""
        return self.target.families if self.target else (self.source.source.family_towards(""),)

    @property
    def has_own_name(self) -> bool:
        """Whether the name that it looks up is the cluster's own, such as a Service's."""
        first = next(iter(self.looked_up), "")
        return first.endswith(f".{self.domain}.") or bool(self.target and self.target.addresses)

    @property
    def problem(self) -> Reason | None:
        return self.target.problem if self.target else None


def asked_inside(asked: PreparedFlow, engine: str, liveness: LivenessRecord) -> dict[Probe, PodRef]:
    """
    What the targets of a deny must answer themselves in every round, by the pod that is asked.

    In protected namespaces npol has no right to ask but for what was never seen alive.
    """
    closed = asked.flow.expect.for_engine(engine)
    if not asked.target or closed.word in (Word.ALLOW, Word.HTTP):
        return {}
    if asked.flow.kind is FlowKind.DNS:
        return {}
    doubted = liveness.unknown(asked.flow, asked.target)
    return {
        alive_control(b, asked.flow, timeout=asked.timeout): b.pod
        for b in asked.target.backends
        if b.pod and (b in doubted or not protected(b.pod.namespace))
    }
