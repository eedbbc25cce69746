"""Who would revert a change: Argo CD, Flux and the like, and how they fare."""

from __future__ import annotations

from collections.abc import Iterator

from npol.changes.state.gitops import gitops_owner
from npol.diagnose.finding import DoctorFinding, FindingState
from npol.diagnose.reader import ExaminedObjects
from npol.model.inventory import Obj

TOPIC = "GitOps"
REVERTS = "a story that changes them needs --allow-gitops, with automatic sync paused meanwhile"
IN_CLUSTER = ("https://kubernetes.default.svc", "in-cluster")


def findings(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    found = [*_owners(seen), *map(_application, seen.of_kind("Application"))]
    found += map(_flux, seen.of_kind("Kustomization", "HelmRelease"))
    yield from found
    if not found and not any("argoproj" in what or "fluxcd" in what for what in seen.unread):
        yield DoctorFinding(
            TOPIC, FindingState.OK, "no policy here is kept by Argo CD, Flux or the like"
        )


def _owners(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    """Policies by who keeps them as Git has them."""
    kept: dict[tuple[str, str], list[str]] = {}
    for policy in seen.inventory.policies:
        meta = policy["metadata"]
        if meta["namespace"] in seen.examined and (owner := gitops_owner(policy)):
            kept.setdefault((owner, meta["namespace"]), []).append(meta["name"])
    for (owner, namespace), names in kept.items():
        text = f"{owner} keeps {', '.join(sorted(names))} of {namespace} as Git has them"
        yield DoctorFinding(TOPIC, FindingState.OK, text, REVERTS)


def _application(obj: Obj) -> DoctorFinding:
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    sync = (status.get("sync") or {}).get("status", "Unknown")
    health = (status.get("health") or {}).get("status", "Unknown")
    target = spec.get("destination") or {}
    place = target.get("namespace") or "no namespace"
    where = target.get("server") or target.get("name") or "nowhere"
    elsewhere = "" if where in IN_CLUSTER else f" on {where}"
    automated = (spec.get("syncPolicy") or {}).get("automated") or {}
    heals = ", heals itself" if automated.get("selfHeal") else ""
    name = f"Application {meta['namespace']}/{meta['name']}"
    text = f"{name} to {place}{elsewhere}: {sync}, {health}{heals}"
    if (sync, health) == ("Synced", "Healthy"):
        return DoctorFinding(TOPIC, FindingState.OK, text)
    hint = f"kubectl -n {meta['namespace']} describe application {meta['name']}"
    return DoctorFinding(TOPIC, FindingState.PROBLEM, text, hint)


def _flux(obj: Obj) -> DoctorFinding:
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    ready = {c["type"]: c for c in status.get("conditions") or ()}.get("Ready", {})
    name = f"{obj['kind']} {meta['namespace']}/{meta['name']}"
    if spec.get("suspend"):
        return DoctorFinding(TOPIC, FindingState.OK, f"{name}: suspended")
    if ready.get("status") == "True":
        return DoctorFinding(TOPIC, FindingState.OK, f"{name}: Ready")
    why = ready.get("message") or "no condition Ready"
    hint = f"kubectl -n {meta['namespace']} describe {obj['kind'].lower()} {meta['name']}"
    return DoctorFinding(TOPIC, FindingState.PROBLEM, f"{name}: {why}", hint)
