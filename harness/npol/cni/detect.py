"""
Which policy engine a cluster runs, read from recorded facts. A hint, with its evidence.

Nothing in the API says whether NetworkPolicies are enforced: agents may be off, dead, or not
pods at all. The canary proves it; this says what to expect, and how long to wait.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

from npol.cni.catalogue import K3S, TABLE, UNKNOWN, Agent, Enforces, Engine, Traits
from npol.cni.facts import CniFacts, gather
from npol.cni.settings import (
    REFINEMENTS,
    Case,
    agent_of,
    cilium_config,
    container_names,
    is_on,
    tag_of,
)
from npol.kube.objects import Object
from npol.model.engine import CALICO, LAB

__all__ = ["Agent", "CniFacts", "Enforces", "Engine", "detect", "gather"]


_BY_CONFIG = "ConfigMap kube-system/npol-lab says that it is npol's lab"


def detect(facts: CniFacts) -> Engine:
    """
    The engine that the facts point to; `unknown` is an answer, too.

    One that is switched off yields to one that is not: kube-router may be there as a proxy only.
    """
    lab = facts.config(LAB)
    if lab is not None or f"+{LAB}" in facts.version:
        return _lab(facts, lab or {})
    seen = [
        _by_agents(facts, traits, sets)
        for traits in TABLE
        if (sets := [s for s in facts.daemon_sets if _fits(s, traits)])
    ]
    acting = (engine for engine in seen if engine.enforces is not Enforces.NO)
    return next(acting, None) or (seen[0] if seen else _without_agents(facts))


def _lab(facts: CniFacts, config: Mapping[str, str]) -> Engine:
    case = Case(facts, TABLE[0], enforces=Enforces.YES, denial=TABLE[0].denial)
    case.version = config.get("version") or "unknown"
    case.evidence.append(_BY_CONFIG if config else "the server's version")
    if config.get("enforcement") == "off":
        case.no("ConfigMap kube-system/npol-lab: enforcement is off")
    return case.engine()


def _by_agents(facts: CniFacts, traits: Traits, sets: list[Object]) -> Engine:
    case = Case(facts, traits, sets, enforces=traits.enforces, denial=traits.denial)
    container = case.container(*traits.containers)
    case.version = tag_of(str(container.get("image", "")))
    case.evidence += [
        f"DaemonSet {agent_of(s).name} with container {container.get('name')}" for s in sets
    ]
    refine = REFINEMENTS.get(traits.name)
    if refine:
        refine(case)
    return case.engine()


def _without_agents(facts: CniFacts) -> Engine:
    if "+k3s" in facts.version or any("+k3s" in _kubelet(n) for n in facts.nodes):
        case = Case(facts, K3S, enforces=K3S.enforces, denial=K3S.denial)
        case.version = facts.version
        case.evidence.append(f"version {facts.version}, and no other engine's DaemonSet")
        return case.engine()
    if "cilium.io" in facts.groups:
        return _cilium_without_agents(facts)
    if facts.object("ClusterInformation"):
        return _calico_without_agents(facts)
    if "-eks-" in facts.version:
        return _aws_auto_mode(facts)
    case = Case(facts, UNKNOWN, denial=UNKNOWN.denial)
    case.maybe(
        "no DaemonSet of a known engine can be read"
        if facts.unread
        else "no DaemonSet of a known engine"
    )
    return case.engine()


def _cilium_without_agents(facts: CniFacts) -> Engine:
    traits = next(t for t in TABLE if t.name == "cilium")
    case = Case(facts, traits, denial=traits.denial)
    names = {n["metadata"]["name"] for n in facts.nodes}
    seen = {c["metadata"]["name"] for c in facts.custom if c["kind"] == "CiliumNode"}
    case.maybe("API group cilium.io, but no DaemonSet: the agents are not pods, or are gone")
    if seen:
        case.evidence.append(f"a CiliumNode for {len(seen & names or seen)} node(s)")
    if names - seen:
        missing = ", ".join(sorted(names - seen))
        case.evidence.append(f"no CiliumNode for: {missing}; no agent has started there")
    cilium_config(case)
    return case.engine()


def _calico_without_agents(facts: CniFacts) -> Engine:
    """Its agents may be services of the nodes; the object also outlives a Calico that has gone."""
    traits = next(t for t in TABLE if t.name == CALICO)
    case = Case(facts, traits, denial=traits.denial)
    case.maybe("ClusterInformation default, but no DaemonSet: the agents are not pods, or are gone")
    REFINEMENTS[CALICO](case)
    return case.engine()


def _aws_auto_mode(facts: CniFacts) -> Engine:
    traits = next(t for t in TABLE if t.name == "aws-vpc-cni")
    case = Case(facts, traits, denial=traits.denial, flavour="Auto Mode")
    if is_on((facts.config("amazon-vpc-cni") or {}).get("enable-network-policy-controller")):
        case.maybe("ConfigMap kube-system/amazon-vpc-cni enables the policy controller")
    else:
        case.no(
            "EKS without DaemonSet aws-node, and ConfigMap kube-system/amazon-vpc-cni "
            "does not enable the policy controller"
        )
    return case.engine()


def _fits(daemon_set: Object, traits: Traits) -> bool:
    if not container_names(daemon_set) & set(traits.containers):
        return False
    name = daemon_set["metadata"]["name"]
    return not traits.daemon_sets or any(fnmatch.fnmatch(name, p) for p in traits.daemon_sets)


def _kubelet(node: Object) -> str:
    return str(((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", ""))
