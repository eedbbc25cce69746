"""Settings that switch an engine on or off, change how it denies, or set two against each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.cni.catalogue import REJECT, Agent, Enforces, Engine, Traits
from npol.cni.facts import CniFacts
from npol.kube.objects import Object
from npol.model.expectation import Outcome

KINDNET_ENFORCES_SINCE = 20240813
"""The date in kindnetd's tag of kind v0.24, the first that brings kube-network-policies."""


@dataclass(slots=True)
class Case:
    """One engine's row, being corrected by what the facts say."""

    facts: CniFacts
    traits: Traits
    sets: list[Object] = field(default_factory=list)
    version: str = "unknown"
    flavour: str = ""
    enforces: Enforces = Enforces.MAYBE
    denial: frozenset[Outcome] = frozenset()
    conflict: str = ""
    evidence: list[str] = field(default_factory=list)
    off: str = ""

    def no(self, why: str) -> None:
        self.enforces = Enforces.NO
        self.off = self.off or why
        self.evidence.append(why)

    def maybe(self, why: str) -> None:
        if self.enforces is not Enforces.NO:
            self.enforces = Enforces.MAYBE
        self.evidence.append(why)

    def container(self, *names: str) -> Mapping[str, Any]:
        """The first container of these names in the agent's DaemonSets; {} for none."""
        every = (c for s in self.sets for c in containers(s))
        return next((c for c in every if c.get("name") in names), {})

    def engine(self) -> Engine:
        agents = tuple(agent_of(s) for s in self.sets)
        down = [a for a in agents if a.ready < a.desired]
        self.evidence += [f"{a.name}: only {a.ready} of {a.desired} agents are ready" for a in down]
        if agents and not any(a.desired for a in agents):
            self.maybe(f"{agents[0].name}: no node is to run an agent")
        if self.traits.note:
            self.evidence.append(self.traits.note)
        if self.facts.unread:
            self.evidence.append("not allowed to read: " + ", ".join(self.facts.unread))
        return Engine(
            name=self.traits.name,
            title=self.traits.title,
            version=self.version,
            flavour=self.flavour,
            enforces=self.enforces,
            agents=agents,
            quiet=self.traits.quiet,
            denial=self.denial,
            dialect=self.traits.dialect,
            label_patience=self.traits.label_patience,
            conflict=self.conflict,
            evidence=tuple(self.evidence),
            off=self.off or (self.traits.note if self.enforces is Enforces.NO else ""),
        )


def _calico(case: Case) -> None:
    installation, felix = case.facts.object("Installation"), case.facts.object("FelixConfiguration")
    info = case.facts.object("ClusterInformation")
    if case.version == "unknown":
        status, spec = installation.get("status") or {}, info.get("spec") or {}
        case.version = status.get("calicoVersion") or spec.get("calicoVersion") or "unknown"
    settings = felix.get("spec") or {}
    network = (installation.get("spec") or {}).get("calicoNetwork") or {}
    dataplane = "BPF" if settings.get("bpfEnabled") else network.get("linuxDataplane", "")
    flavours = [str(dataplane)] if dataplane else []
    if case.container("kube-flannel"):
        flavours.append("canal")
    if "Reject" in (
        settings.get("iptablesFilterDenyAction"),
        settings.get("nftablesFilterDenyAction"),
    ):
        case.denial = REJECT
        case.evidence.append("FelixConfiguration default: denied packets are rejected")
    aws = [s for s in case.facts.daemon_sets if "aws-node" in container_names(s)]
    if aws:
        flavours.append("policy only on AWS VPC CNI")
        _calico_on_aws(case, aws[0])
    case.flavour = ", ".join(flavours)


def _calico_on_aws(case: Case, aws_node: Object) -> None:
    if _aws_agent_on(aws_node):
        case.conflict = (
            "Calico and the AWS network policy agent both act on NetworkPolicies: "
            "switch one of them off (EKS documentation)"
        )
        case.maybe(case.conflict)


def cilium_config(case: Case) -> None:
    """What ConfigMap cilium-config says of policies, for Cilium in all its forms."""
    config = case.facts.config("cilium-config") or {}
    where = "ConfigMap kube-system/cilium-config"
    if config.get("enable-policy") == "never":
        case.no(f"{where}: enable-policy is never")
    if is_on(config.get("policy-audit-mode")):
        case.no(f"{where}: policy-audit-mode lets everything through")
    if config.get("enable-k8s-networkpolicy") == "false":
        case.no(f"{where}: enable-k8s-networkpolicy is false")
    if config.get("policy-deny-response") == "icmp":
        case.denial = case.denial | {Outcome.UNREACHABLE}
        case.evidence.append(f"{where}: denied egress is answered by ICMP")


def _aws(case: Case) -> None:
    controller = (case.facts.config("amazon-vpc-cni") or {}).get("enable-network-policy-controller")
    agent = case.container("aws-eks-nodeagent")
    if not agent:
        case.no("DaemonSet aws-node has no container aws-eks-nodeagent")
    elif not any(_aws_agent_on(s) for s in case.sets):
        case.no("container aws-eks-nodeagent runs without --enable-network-policy=true")
    elif controller is not None and not is_on(controller):
        case.no("ConfigMap kube-system/amazon-vpc-cni switches the policy controller off")
    else:
        case.evidence.append("container aws-eks-nodeagent runs with --enable-network-policy=true")
    mode = _env(case.container("aws-node"), "NETWORK_POLICY_ENFORCING_MODE")
    if mode:
        case.flavour = f"{mode} mode"


def _kube_router(case: Case) -> None:
    if "--run-firewall=false" in _arguments(case.container("kube-router")):
        case.no("kube-router runs with --run-firewall=false")


def _kindnet(case: Case) -> None:
    date = re.search(r"v(\d{8})", case.version)
    if not date:
        case.maybe("the version of kindnetd does not tell whether it enforces")
    elif int(date[1]) < KINDNET_ENFORCES_SINCE:
        case.no("this kindnetd is older than kind v0.24 and does not enforce")


def _weave(case: Case) -> None:
    if not case.container("weave-npc"):
        case.no("DaemonSet weave-net has no container weave-npc")
    elif _env(case.container("weave"), "EXPECT_NPC") == "0":
        case.no("Weave Net runs with EXPECT_NPC=0")


REFINEMENTS = {
    "aws-vpc-cni": _aws,
    "calico": _calico,
    "cilium": cilium_config,
    "gke-dataplane-v2": cilium_config,
    "kindnet": _kindnet,
    "kube-router": _kube_router,
    "weave": _weave,
}
"""What else the facts say of an engine: settings that switch it off, versions, conflicts."""


def containers(daemon_set: Object) -> list[Mapping[str, Any]]:
    return list(daemon_set["spec"]["template"]["spec"].get("containers") or ())


def container_names(daemon_set: Object) -> set[str]:
    return {str(c.get("name")) for c in containers(daemon_set)}


def agent_of(daemon_set: Object) -> Agent:
    metadata, status = daemon_set["metadata"], daemon_set.get("status") or {}
    return Agent(
        name=f"{metadata['namespace']}/{metadata['name']}",
        desired=int(status.get("desiredNumberScheduled", 0)),
        ready=int(status.get("numberReady", 0)),
    )


def _arguments(container: Mapping[str, Any]) -> list[str]:
    return [str(a) for key in ("command", "args") for a in container.get(key) or ()]


def _aws_agent_on(daemon_set: Object) -> bool:
    agents = [c for c in containers(daemon_set) if c.get("name") == "aws-eks-nodeagent"]
    return any("--enable-network-policy=true" in _arguments(c) for c in agents)


def _env(container: Mapping[str, Any], name: str) -> str:
    values = (e.get("value") for e in container.get("env") or () if e.get("name") == name)
    return str(next(values, "") or "")


def is_on(text: str | None) -> bool:
    return str(text).lower() == "true"


def tag_of(image: str) -> str:
    """The tag of an image's name; a digest alone is no version."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2] or "unknown"
