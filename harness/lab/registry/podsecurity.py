"""PodSecurity admission: the level that a namespace's labels ask for."""

from __future__ import annotations

from harness.lab.registry.errors import forbidden
from harness.lab.registry.podstandards import LEVELS, containers, violations
from harness.lab.resources import Resource
from harness.lab.store import Obj, Store

LABEL = "pod-security.kubernetes.io/"
TEMPLATES = (
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
)


def enforce(store: Store, kind: Resource, pod: Obj) -> None:
    """
    Raises:
        StatusError: 403 with everything that the namespace's level does not allow.
    """
    level, version = _policy(store, pod, "enforce")
    wrong = violations(level, pod["spec"])
    if wrong:
        why = f'violates PodSecurity "{level}:{version}": {wrong}'
        raise forbidden(kind, pod["metadata"]["name"], why)


def warnings(store: Store, kind: Resource, obj: Obj) -> list[str]:
    """For pods and for what has a template of pods."""
    spec = obj.get("spec", {})
    if kind.name in TEMPLATES:
        spec = spec.get("template", {}).get("spec", {})
    elif kind.name != "pods":
        return []
    level, version = _policy(store, obj, "warn")
    wrong = violations(level, spec)
    return [f'would violate PodSecurity "{level}:{version}": {wrong}'] if wrong else []


def is_relevant(new: Obj, old: Obj) -> bool:
    """Whether an update of a pod changes what the standards look at."""
    return [c.get("image") for c in containers(new["spec"])] != [
        c.get("image") for c in containers(old["spec"])
    ]


def _policy(store: Store, obj: Obj, mode: str) -> tuple[str, str]:
    namespace = store.get("namespaces", None, obj["metadata"].get("namespace", "")) or {}
    labels = namespace.get("metadata", {}).get("labels") or {}
    level = labels.get(LABEL + mode, "privileged")
    version = labels.get(f"{LABEL}{mode}-version", "latest")
    return (level if level in LEVELS else "restricted"), version
