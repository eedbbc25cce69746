"""PodSecurity admission: the level that a namespace's labels ask for."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry.errors import forbidden
from npol_lab.registry.podstandards import LEVELS, containers, reasons, violations
from npol_lab.store import Store

LABEL = "pod-security.kubernetes.io/"
TEMPLATES = (
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
)


def enforce(store: Store, kind: ApiResource, pod: Obj) -> None:
    """
    Raises:
        StatusError: 403 with everything that the namespace's level does not allow.
    """
    level, version = _policy(store, pod, "enforce")
    wrong = violations(level, pod["spec"])
    if wrong:
        why = f'violates PodSecurity "{level}:{version}": {wrong}'
        raise forbidden(kind, pod["metadata"]["name"], why)


def warnings(store: Store, kind: ApiResource, obj: Obj, old: Obj | None) -> list[str]:
    """For pods, for what has a template of pods, and for namespaces whose level changes."""
    spec = obj.get("spec", {})
    if kind.name == "namespaces":
        return _warnings_of_namespace(store, obj, old) if old else []
    if kind.name in TEMPLATES:
        spec = spec.get("template", {}).get("spec", {})
    elif kind.name != "pods":
        return []
    level, version = _policy(store, obj, "warn")
    wrong = violations(level, spec)
    return [f'would violate PodSecurity "{level}:{version}": {wrong}'] if wrong else []


def _warnings_of_namespace(store: Store, namespace: Obj, old: Obj) -> list[str]:
    """The pods that could not be created any more."""
    level, version = _level(namespace, "enforce")
    if (level, version) == _level(old, "enforce"):
        return []
    found: dict[str, list[str]] = {}
    name = namespace["metadata"]["name"]
    for pod in store.list("pods", name):
        wrong = reasons(level, pod["spec"])
        if wrong:
            found.setdefault(wrong, []).append(pod["metadata"]["name"])
    if not found:
        return []
    head = f'existing pods in namespace "{name}" violate the new PodSecurity enforce level'
    return [f'{head} "{level}:{version}"', *(f"{_some(p)}: {r}" for r, p in found.items())]


def _some(pods: list[str]) -> str:
    more = len(pods) - 1
    return pods[0] + (f" (and {more} other pod{'s' if more > 1 else ''})" if more else "")


def is_relevant(new: Obj, old: Obj) -> bool:
    """Whether an update of a pod changes what the standards look at."""
    return [c.get("image") for c in containers(new["spec"])] != [
        c.get("image") for c in containers(old["spec"])
    ]


def _policy(store: Store, obj: Obj, mode: str) -> tuple[str, str]:
    namespace = store.get("namespaces", None, obj["metadata"].get("namespace", ""))
    return _level(namespace or {"metadata": {}}, mode)


def _level(namespace: Obj, mode: str) -> tuple[str, str]:
    labels = namespace["metadata"].get("labels") or {}
    level = labels.get(LABEL + mode, "privileged")
    version = labels.get(f"{LABEL}{mode}-version", "latest")
    return (level if level in LEVELS else "restricted"), version
