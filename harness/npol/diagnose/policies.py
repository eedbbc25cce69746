"""Which policies there are, and whether their selectors find what they look for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from npol.diagnose.finding import DoctorFinding, FindingState
from npol.diagnose.reader import ExaminedObjects
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES, PODS
from npol.policy.lint import Severity, lint
from npol.policy.objects.netpol_types import Direction, Policy
from npol.policy.state.dns import with_dns

TOPIC, LABELS = "policies", "labels"


def findings(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    """One line for each namespace with policies, one for all those without."""
    known = {n["metadata"]["name"] for n in seen.inventory.namespaces}
    for absent in (n for n in seen.examined if known and n not in known):
        yield _absent(absent, given=absent in seen.given)
    if seen.hidden(NETWORK_POLICIES):
        return
    world = seen.state
    for namespace in seen.examined:
        if policies := world.policies_in(namespace):
            yield DoctorFinding(TOPIC, FindingState.OK, f"{namespace}: {_listed(policies)}")
    if bare := [n for n in seen.examined if n in known and not world.policies_in(n)]:
        yield DoctorFinding(TOPIC, FindingState.OK, f"none, so all is open, in {', '.join(bare)}")


def _absent(namespace: str, *, given: bool) -> DoctorFinding:
    text = f"namespace {namespace} does not exist"
    if not given:
        return DoctorFinding(TOPIC, FindingState.PROBLEM, text)
    hint = "npol run --create makes it, and deletes it at the end"
    return DoctorFinding(TOPIC, FindingState.OK, f"{text}; the story has it under `given`", hint)


def _listed(policies: tuple[Policy, ...]) -> str:
    names = ", ".join(sorted(p.name for p in policies))
    denied = [
        d.field
        for d in Direction
        if any(not p.selector and d in p.directions and not p.rules(d) for p in policies)
    ]
    default = f"default deny for {' and '.join(denied)}" if denied else "no default deny"
    return f"{names}; {default}"


def labels(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    """What policies select by is there; every other mistake that their text shows, too."""
    if any(map(seen.hidden, (NETWORK_POLICIES, PODS, NAMESPACES))):
        text = "which labels policies need cannot be told without the objects"
        yield DoctorFinding(LABELS, FindingState.UNVERIFIED, text, "see below, `RBAC`")
        return
    mine = [p for p in seen.inventory.policies if p["metadata"]["namespace"] in seen.examined]
    world = with_dns(replace(seen.state_to_come, policies=(), refused=()))
    told = [f for f in lint(mine, world) if f.severity is not Severity.NOTE]
    for found in told:
        text = f"NetworkPolicy {found.subject} {found.path}: {found.message} ({found.id})"
        yield DoctorFinding(LABELS, FindingState.PROBLEM, text, found.fix)
    if mine and not told:
        text = f"the selectors of {_count(mine)} find what they look for"
        yield DoctorFinding(LABELS, FindingState.OK, text)


def _count(policies: Sequence[object]) -> str:
    return f"{len(policies)} polic{'y' if len(policies) == 1 else 'ies'}"
