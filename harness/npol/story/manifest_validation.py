"""
Objects of a manifest text, checked as far as an object of any kind can be.

What a NetworkPolicy means is the policy room's business; here it is an object with a kind, a
name and a namespace, and nothing in it that the API server would refuse or kubectl misread.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from npol.api_rules.objects import as_sent
from npol.api_rules.resources import OWN_GROUPS
from npol.errors import Mistake, Mistakes, Position
from npol.model.change import Manifest
from npol.model.policy_kinds import NAMESPACED_KINDS
from npol.story.field_validators import NotValid, namespace, object_name, shown
from npol.story.misspelt_kinds import is_told_by_the_lint, misspelt
from npol.yaml_positions import MAX_RENDERED, Document, Path, YamlDialect, load

NAMESPACED = frozenset(
    {
        *("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"),
        *("Service", "Endpoints", "EndpointSlice", "Ingress", "NetworkPolicy"),
        *("ConfigMap", "Secret", "ServiceAccount", "Role", "RoleBinding", "Lease"),
        *("PersistentVolumeClaim", "ResourceQuota", "LimitRange"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget", "ReplicationController"),
        *NAMESPACED_KINDS,
    }
)
"""Kinds that live in a namespace: built-in ones and policies; of others nothing is assumed."""

_SERVER_SIDE = (
    *("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"),
    *("ownerReferences", "finalizers"),
)
"""
Metadata that exports of `kubectl get -o yaml` hold: what only the API server writes, and what ties
an object to others of its cluster or keeps it there.
"""

_TEMPLATE = re.compile(r"\{\{|\$\{")
_FILL_IN = "fill it in first (envsubst, or the tool that knows it)"
_RENDER = "render it first: {helm: CHART}, {kustomize: DIR}, or a rendered file"
_BUILD = "write {kustomize: DIR}"
_STORY = "call it NAME.npol.yaml: then it is read as a story, by pytest too"
_BY_HAND = {
    _RENDER: "render it first: helm template CHART > FILE",
    _BUILD: "render it first: kubectl kustomize DIR > FILE",
}
"""The same hints where there is no story to write them in."""


def read_objects(
    text: bytes,
    file: str,
    default_namespace: str,
    mistakes: list[Mistake],
    left_out: list[Mistake] | None = None,
) -> tuple[Manifest, ...]:
    """
    The objects of a text; what is wrong with them goes to `mistakes`.

    With `left_out` they are only looked at: YAML that is no object goes there, and what matters
    to an apply alone is no mistake. Keys that stand twice are then left to who looks.
    """
    try:
        documents = load(text, file, YamlDialect.MANIFEST, limit=MAX_RENDERED)
    except Mistakes as error:
        template = _template_line(text, file)
        wrong = [template] if template else [*error.mistakes]
        mistakes.extend(wrong if left_out is None else map(_by_hand, wrong))
        return ()
    items = [item for document in documents for item in objects_of(document)]
    if left_out is not None:
        return tuple(_looked_at(items, default_namespace, mistakes, left_out))
    found: list[Manifest] = []
    for item in items:
        mistakes.extend(item.duplicates)
        wrong = list(_problems(item, default_namespace))
        mistakes.extend(wrong)
        if not wrong:
            found.append(_manifest(item, default_namespace))
    return tuple(found)


def _looked_at(
    items: Sequence[Document],
    default_namespace: str,
    mistakes: list[Mistake],
    left_out: list[Mistake],
) -> Iterator[Manifest]:
    for item in items:
        if no_object := _no_object(item) or _of_another_program(item):
            left_out.append(_by_hand(no_object))
        elif (wrong_kind := misspelt(item)) and not is_told_by_the_lint(item):
            mistakes.append(wrong_kind)
        elif wrong := list(_metadata_problems(item, default_namespace or "default")):
            about = item.data["kind"]
            mistakes.extend(replace(_by_hand(m), about=about) for m in (*wrong, *item.duplicates))
        else:
            yield _manifest(item, default_namespace)


def _by_hand(mistake: Mistake) -> Mistake:
    return replace(mistake, hint=_BY_HAND.get(mistake.hint, mistake.hint))


def _template_line(text: bytes, file: str) -> Mistake | None:
    """The first line of a text that is no YAML because a template was not rendered."""
    for number, line in enumerate(text.split(b"\n"), start=1):
        if (column := line.find(b"{{")) >= 0:
            return Mistake(Position(file, number, column + 1), "an unrendered template", _RENDER)
    return None


def objects_of(document: Document) -> Iterator[Document]:
    """The items of a List, each as a document of its own; anything else as it is."""
    data = document.data
    is_list = isinstance(data, dict) and str(data.get("kind", "")).endswith("List")
    if not is_list or not isinstance(data.get("items"), list):
        yield document
        return
    values, keys = _by_item(document.values), _by_item(document.keys)
    starts = [document.at("items", index) for index in range(len(data["items"]))]
    for index, item in enumerate(data["items"]):
        yield Document(
            file=document.file,
            data=_typed(data, item),
            values=values.get(index, {}),
            keys=keys.get(index, {}),
            duplicates=tuple(d for d in document.duplicates if _item_at(d.at, starts) == index),
            comments=document.comments,
        )


def _typed(owner: Mapping[str, Any], item: Any) -> Any:
    """Items of a list of one kind need not say what they are."""
    kind = str(owner["kind"]).removesuffix("List")
    if not kind or not isinstance(item, dict):
        return item
    return {"apiVersion": owner.get("apiVersion"), "kind": kind, **item}


def _item_at(at: Position, starts: Sequence[Position]) -> int:
    """The item that a position lies in; what lies before the first one counts as there."""
    return max(0, bisect_right(starts, at) - 1)


def _by_item(positions: Mapping[Path, Position]) -> dict[int, dict[Path, Position]]:
    """The positions below `items`, by index, with paths from the item on."""
    found: dict[int, dict[Path, Position]] = {}
    for path, position in positions.items():
        if len(path) > 1 and path[0] == "items" and isinstance(path[1], int):
            found.setdefault(path[1], {})[path[2:]] = position
    return found


def _manifest(document: Document, default_namespace: str) -> Manifest:
    """The object, without what only the server writes, in its namespace."""
    metadata = {k: v for k, v in document.data["metadata"].items() if k not in _SERVER_SIDE}
    if document.data["kind"] in NAMESPACED and not metadata.get("namespace"):
        metadata["namespace"] = default_namespace
    left = () if document.data["kind"] == "NetworkPolicy" else ("status",)  # of which it has none
    body = {k: v for k, v in document.data.items() if k not in left} | {"metadata": metadata}
    return Manifest(body=as_sent(body), document=document, at=document.at())


def _no_object(document: Document) -> Mistake | None:
    """Why a document is no object that the API server would take."""
    data = document.data
    if not isinstance(data, dict):
        return Mistake(document.at(), f"not a Kubernetes object: {shown(data)}")
    if data.get("version") == 1 and "steps" in data:
        return Mistake(document.at(), "a story, by its keys, is no manifest", _STORY)
    for key in ("apiVersion", "kind"):
        if not data.get(key) or not isinstance(data[key], str):
            return Mistake(document.at(key), f"not a Kubernetes object: it has no `{key}:`")
    if data["kind"] == "Kustomization":
        return Mistake(document.at(), "a kustomization is no manifest", _BUILD)
    return None


def _of_another_program(document: Document) -> Mistake | None:
    """What only looks like an object: without a name, of a group that no rule knows."""
    data = document.data
    group = data["apiVersion"].rpartition("/")[0]
    named = isinstance(data.get("metadata"), dict) and data["metadata"].get("name")
    if named or group in OWN_GROUPS or "NetworkPolicy" in data["kind"]:
        return None
    return Mistake(document.at(), f"not a Kubernetes object: {data['kind']} without a name")


def _problems(document: Document, default_namespace: str) -> Iterator[Mistake]:
    if no_object := _no_object(document):
        yield no_object
        return
    if wrong_kind := misspelt(document):
        yield wrong_kind
    yield from _metadata_problems(document, default_namespace)


def _metadata_problems(document: Document, default_namespace: str) -> Iterator[Mistake]:
    metadata, kind = document.data.get("metadata"), document.data["kind"]
    if not isinstance(metadata, dict) or not metadata.get("name"):
        hint = "generated names cannot be deleted again" if _generated(metadata) else ""
        yield Mistake(document.at("metadata"), f"{kind} without a `metadata.name`", hint)
        return
    names = _path_segment if _is_served_by_others(document) else _any_name
    for key, check in (("name", names), ("namespace", namespace)):
        if metadata.get(key) is not None:
            yield from _text_problem(document, ("metadata", key), metadata[key], check)
    if kind in NAMESPACED and not metadata.get("namespace") and not default_namespace:
        hint = "add `metadata.namespace`, or `defaults: {namespace: NAME}` to the story"
        yield Mistake(document.at("metadata"), f"{kind} {metadata['name']} has no namespace", hint)
    for key in ("labels", "annotations"):
        yield from _map_problems(document, ("metadata", key), metadata.get(key))


def _generated(metadata: Any) -> bool:
    return isinstance(metadata, dict) and "generateName" in metadata


def _is_served_by_others(document: Document) -> bool:
    """Whether another API server may take what no name of a resource may hold: OpenShift's."""
    return str(document.data["apiVersion"]).rpartition("/")[0].endswith(".openshift.io")


def _path_segment(text: str) -> str:
    """
    A name as any API server takes it.

    Raises:
        NotValid: it cannot stand in a path (apimachinery IsValidPathSegmentName).
    """
    if text in (".", "..") or "/" in text or "%" in text:
        raise NotValid(f"not a valid name: {shown(text)}")
    return text


def _any_name(text: str) -> str:
    """Names of RBAC objects may hold colons; the API server knows the rest."""
    return (
        text if re.fullmatch(r"[a-z0-9]([a-z0-9:.-]{0,251}[a-z0-9])?", text) else object_name(text)
    )


def _text_problem(
    document: Document, path: Path, value: Any, check: Callable[[str], str] | None = None
) -> Iterator[Mistake]:
    if not isinstance(value, str):
        yield Mistake(document.at(*path), *_not_text(path, value))
        return
    if check and _TEMPLATE.search(value):
        is_template = "{{" in value
        what = "an unrendered template" if is_template else "an unfilled variable"
        yield Mistake(
            document.at(*path),
            f"{what}: {shown(value)}",
            _RENDER if is_template else _FILL_IN,
            unfilled=not is_template,
        )
        return
    try:
        if check:
            check(value)
    except NotValid as error:
        yield Mistake(document.at(*path), str(error), error.hint)


def _not_text(path: Path, value: Any) -> tuple[str, str]:
    name = f"`{path[-1]}`"
    if isinstance(value, bool):
        spellings = "y, yes, on" if value else "n, no, off"
        rule = f"unquoted {spellings} and {str(value).lower()} are booleans to kubectl"
        return f"{name} must be text, got a boolean: {rule}", "quote it"
    if isinstance(value, int | float):
        return f"{name} must be text, got the number {value}", f'quote it: "{value}"'
    return f"{name} must be text, got {shown(value)}", ""


def _map_problems(document: Document, path: Path, labels: Any) -> Iterator[Mistake]:
    """Labels and annotations map text to text; the API server reads nothing as no text."""
    if labels is None:
        return
    if not isinstance(labels, dict):
        yield Mistake(document.at(*path), f"`{path[-1]}` must be a mapping")
        return
    for key, value in labels.items():
        if value is not None:
            yield from _text_problem(document, (*path, key), value)
