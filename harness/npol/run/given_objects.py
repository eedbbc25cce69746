"""
What of `given` a run makes, in which order, and what it leaves out.

A run on somebody's cluster makes objects of namespaces. What counts for the whole cluster is
made only where that was asked for: webhooks and definitions would change what others do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from npol.errors import InputError
from npol.kube.connection import Connection
from npol.kube.get_all import get_all
from npol.kube.guard import protected
from npol.kube.objects import CLAIMS, NAMESPACES, Ref, Resource
from npol.model.change import Manifest
from npol.run.cluster_changes import spell

FIRST = (
    *("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "ResourceQuota"),
    *("LimitRange", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolume"),
    *("PersistentVolumeClaim", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "Service",
)
LAST = ("APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""As Helm installs them; everything else comes between, as it stands."""
HOOK = "helm.sh/hook"
DEFINITION = "CustomResourceDefinition"
CLUSTER_WIDE = "cluster-wide: --create=all makes them, for disposable clusters"
PROTECTED = "in a protected namespace"
UNKNOWN = "the cluster serves no such kind"
NO_INSTALL = "a Helm hook that no installation runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenObjects:
    manifests: tuple[Manifest, ...]
    """What is made, in its order."""
    kinds: frozenset[Resource]
    left_out: tuple[str, ...]
    """One line for each reason, with the objects."""


def choose(
    connection: Connection, given: Sequence[Manifest], *, namespace: str, everything: bool
) -> GivenObjects:
    """
    Args:
        namespace: of custom objects that name none.
        everything: kinds that count for the whole cluster, too.
    """
    defined = dict(defined_kinds(given)) if everything else {}
    made: list[Manifest] = []
    kinds: set[Resource] = set()
    left: dict[str, list[str]] = {}
    for manifest in given:
        kind = _kind(connection, manifest, defined)
        if reason := _reason(manifest, kind, everything):
            left.setdefault(reason, []).append(spell(manifest))
        elif kind is not None:
            made.append(_placed(manifest, kind, namespace))
            kinds |= {kind, CLAIMS} if manifest.kind == "StatefulSet" else {kind}
    missing = list(_missing_namespaces(connection, made))
    kinds |= {NAMESPACES} if missing else set()
    return GivenObjects(
        manifests=tuple(sorted([*missing, *made], key=_rank)),
        kinds=frozenset(kinds),
        left_out=tuple(f"left out: {', '.join(names)} ({why})" for why, names in left.items()),
    )


def _placed(manifest: Manifest, kind: Resource, namespace: str) -> Manifest:
    """Only the cluster knows which custom kinds lie in namespaces."""
    if not kind.namespaced or manifest.namespace:
        return manifest
    metadata = {**(manifest.body.get("metadata") or {}), "namespace": namespace}
    return replace(manifest, body={**manifest.body, "metadata": metadata})


def _missing_namespaces(connection: Connection, made: Sequence[Manifest]) -> Iterator[Manifest]:
    """Manifests often take the namespace for granted that they are installed into."""
    named = {m.name for m in made if m.kind == "Namespace"}
    first = {m.namespace: m for m in reversed(made) if m.namespace}
    refs = [Ref(NAMESPACES, "", namespace) for namespace in sorted(first.keys() - named)]
    for ref, found in get_all(connection, refs).items():
        namespace = ref.name
        if found is None:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            yield replace(first[namespace], body=body)


def _reason(manifest: Manifest, kind: Resource | None, everything: bool) -> str:
    """Why an object is not made; "" for one that is."""
    annotations = (manifest.body.get("metadata") or {}).get("annotations") or {}
    hooks = str(annotations.get(HOOK, "install")).split(",")
    if not any(hook.strip().endswith(("install", "upgrade")) for hook in hooks):
        return NO_INSTALL
    if kind is None:
        return UNKNOWN
    if not kind.namespaced and kind.kind != "Namespace" and not everything:
        return CLUSTER_WIDE
    place = manifest.name if kind.kind == "Namespace" else manifest.namespace
    return PROTECTED if protected(place) else ""


def _kind(
    connection: Connection, manifest: Manifest, defined: dict[tuple[str, str], Resource]
) -> Resource | None:
    known = defined.get((manifest.api_version, manifest.kind))
    if known is not None:
        return known
    try:
        return connection.resource(manifest.api_version, manifest.kind)
    except InputError:
        return None


def defined_kinds(given: Iterable[Manifest]) -> Iterator[tuple[tuple[str, str], Resource]]:
    """The kinds that definitions among the objects bring."""
    for manifest in given:
        spec = manifest.body.get("spec") or {}
        if manifest.kind != DEFINITION or not isinstance(spec.get("versions"), list):
            continue
        names = spec["names"]
        for version in spec["versions"]:
            scoped = spec.get("scope") == "Namespaced"
            kind = Resource(spec["group"], version["name"], names["plural"], names["kind"], scoped)
            yield (kind.api_version, kind.kind), kind


def _rank(manifest: Manifest) -> int:
    if manifest.kind in FIRST:
        return FIRST.index(manifest.kind) - len(FIRST)
    return LAST.index(manifest.kind) + 1 if manifest.kind in LAST else 0
