"""
The table of policy engines: how each is recognised and what is known of its behaviour.

Figures are measured where a comment says so; what was never measured has the figures of an
unknown engine. Nothing here is proof: only the canary proves that policies bite.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.change import Label
from npol.model.engine import LAB
from npol.model.expectation import Outcome
from npol.model.story import Step

SILENCE = frozenset({Outcome.TIMEOUT})
REJECT = frozenset({Outcome.TIMEOUT, Outcome.REFUSED})
"""kube-router answers port-unreachable to the pods of its own node (netpol: REJECT)."""

USUAL_PATIENCE = 30.0
SLOW_LABELS = 45.0
"""Cilium takes 5 to 35 s for new labels of a running pod (identity grace period, jitter)."""


class Enforces(enum.Enum):
    """Whether an engine acts on NetworkPolicies, as far as its set-up shows."""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One engine's row."""

    name: str
    title: str
    containers: tuple[str, ...] = ()
    """Containers of its agent's DaemonSet; one of them is enough to know it."""
    daemon_sets: tuple[str, ...] = ()
    """Names of that DaemonSet; empty for any. `*` at the end stands for anything."""
    enforces: Enforces = Enforces.YES
    quiet: float = 5.0
    """Seconds after a change in which an answer may still be an old one."""
    denial: frozenset[Outcome] = SILENCE
    dialect: str = "spec"
    label_patience: float = USUAL_PATIENCE
    note: str = ""


TABLE = (
    Traits(
        name=LAB,
        title="npol's lab",
        quiet=0.3,  # measured
        dialect="calico",
    ),
    Traits(
        name="gke-dataplane-v2",
        title="GKE Dataplane V2 (Cilium)",
        containers=("cilium-agent",),
        daemon_sets=("anetd",),
        quiet=2.0,  # Cilium's
        dialect="cilium",
        label_patience=SLOW_LABELS,
        note="Dataplane V2 always enforces NetworkPolicies",
    ),
    Traits(
        name="cilium",
        title="Cilium",
        containers=("cilium-agent",),
        quiet=2.0,  # measured: 0.07 to 1.6 s
        dialect="cilium",
        label_patience=SLOW_LABELS,
    ),
    Traits(
        name="calico",
        title="Calico",
        containers=("calico-node",),
        quiet=1.0,  # measured: 5 to 91 ms
        dialect="calico",
    ),
    Traits(name="antrea", title="Antrea", containers=("antrea-agent",)),
    Traits(
        name="ovn-kubernetes",
        title="OVN-Kubernetes",
        containers=("ovnkube-controller", "ovnkube-node", "ovn-controller"),
        daemon_sets=("ovnkube-node*", "ovs-node*"),
    ),
    Traits(name="kube-router", title="kube-router", containers=("kube-router",), denial=REJECT),
    Traits(
        name="kube-network-policies",
        title="kube-network-policies",
        containers=("kube-network-policies",),
        note="it lets everything through while its agent is down",
    ),
    Traits(name="azure-npm", title="Azure NPM", containers=("azure-npm",)),
    Traits(
        name="weave",
        title="Weave Net",
        containers=("weave",),
        daemon_sets=("weave-net",),
        note="Weave Net is not maintained any more",
    ),
    Traits(
        name="kindnet",
        title="kindnet",
        containers=("kindnet-cni",),
        note="it lets everything through while its agent is down",
    ),
    Traits(
        name="aws-vpc-cni",
        title="AWS VPC CNI",
        containers=("aws-node",),
        note="its policies skip bare pods: make debug pods by Deployment (as_deployment)",
    ),
    Traits(
        name="flannel",
        title="flannel",
        containers=("kube-flannel",),
        enforces=Enforces.NO,
        note="flannel alone does not enforce NetworkPolicies",
    ),
)
"""In the order of preference: the first row that fits names the engine."""

K3S = Traits(
    name="k3s",
    title="k3s (kube-router inside its process)",
    enforces=Enforces.MAYBE,
    denial=REJECT,
    note="k3s enforces unless started with --disable-network-policy, which nothing shows",
)
UNKNOWN = Traits(name="unknown", title="unknown engine", enforces=Enforces.MAYBE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One DaemonSet of an engine and how many of its pods are ready."""

    name: str
    """`namespace/name`."""
    desired: int
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What detection found."""

    name: str
    title: str
    version: str = "unknown"
    flavour: str = ""
    """How it is set up where that matters: `canal`, `policy only on AWS VPC CNI`, `BPF`."""
    enforces: Enforces
    agents: tuple[Agent, ...] = ()
    quiet: float
    """Seconds after a change in which an answer may still be an old one."""
    denial: frozenset[Outcome]
    """What a denied connection sees."""
    dialect: str
    """`calico`, `cilium` or `spec`: how it reads what the specification leaves open."""
    label_patience: float
    """Seconds within which new labels of a running pod must have taken effect."""
    conflict: str = ""
    """Why nothing can be judged here, if so."""
    evidence: tuple[str, ...] = ()
    off: str = ""
    """Which piece of evidence says that policies are not enforced; "" when none does."""

    @property
    def is_lab(self) -> bool:
        return self.name == LAB

    @property
    def healthy(self) -> bool:
        """Whether every agent that should run is ready; True where agents cannot be seen."""
        return all(agent.ready >= agent.desired for agent in self.agents)

    def patience_for(self, step: Step) -> float:
        """Seconds that a step's flows get to settle, unless the story says otherwise."""
        relabels = any(isinstance(change, Label) for change in step.changes)
        return self.label_patience if relabels else UNKNOWN.label_patience
