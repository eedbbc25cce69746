"""Changes as written: what a step does before it asks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from npol.story.field_validators import NotValid, shown
from npol.story.schema.values import (
    Entry,
    LabelKey,
    LabelValue,
    Line,
    Namespace,
    ObjectName,
    Optional,
    Workload,
)


class SourceFields(Entry, title="source of manifests"):
    """Where manifests come from: a file or directory, a kustomization, a Helm chart."""

    file: str = Field("", description="A file, or a directory with all manifests below it.")
    kustomize: str = Field("", description="A directory for `kubectl kustomize`.")
    helm: str = Field("", description="A chart's directory for `helm template`.")
    values: list[str] = Field([], description="Value files for the chart, in order.")
    name: Namespace = Field("", description="The Helm release's name; the chart's by default.")
    namespace: Namespace = Field("", description="The Helm release's namespace.")


def _one_file(value: Any) -> Any:
    if isinstance(value, str | dict):
        return {"file": value} if isinstance(value, str) else value
    raise NotValid(
        f"not a valid path: {shown(value)}", "write a path, {kustomize: DIR} or {helm: CHART}"
    )


SourceEntry = Annotated[
    SourceFields, BeforeValidator(_one_file, json_schema_input_type=str | SourceFields)
]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


Sources = Annotated[
    list[SourceEntry],
    BeforeValidator(_as_list, json_schema_input_type=SourceEntry | list[SourceEntry]),
]
"""Manifests in order; one entry may stand without the brackets."""


class LabelEntry(Entry, title="label"):
    """Labels set on, or with `null` taken from, a running pod or a namespace."""

    pod: ObjectName = Field("", description="The pod's name; `namespace` says where it is.")
    namespace: Namespace = Field("", description="The namespace to label, or the pod's.")
    set: dict[LabelKey, LabelValue | None] = Field(description="Labels; `null` takes one away.")


class RestartEntry(Entry, title="restart"):
    """A workload whose pods are evicted; its template stays untouched."""

    workload: Workload = Field(description="deployment/NAME, statefulset/NAME, daemonset/NAME.")
    namespace: Namespace = Field(
        "", description="Where it is; needed unless `given` lists one workload of that name."
    )


class ScaleEntry(Entry, title="scale"):
    """A workload that gets another number of replicas, until the end of the run."""

    workload: Workload = Field(description="deployment/NAME or statefulset/NAME.")
    namespace: Namespace = Field(
        "", description="Where it is; needed unless `given` lists one workload of that name."
    )
    replicas: int = Field(description="How many pods it is to have.", ge=0, le=1000)


class ChangeFields(Entry):
    """The kinds of change, of which one may stand in one place."""

    apply: Sources = Field(
        [],
        description="Manifests to apply. NetworkPolicies, and objects that `given` lists.",
    )
    replace: bool = Field(
        False,
        description="With `apply`: policies of these names that exist already may be replaced;"
        " they are put back at the end.",
    )
    delete: Sources = Field(
        [], description="Manifests whose objects are deleted, as `kubectl delete -f` does."
    )
    label: Optional[LabelEntry] = Field(
        None, description="Change labels of a running pod or of a namespace."
    )
    restore: Line = Field(
        "", description="Put back what was recorded at the end of this earlier step."
    )
    restart: Optional[RestartEntry] = Field(
        None, description="Evict all pods of a workload, and wait until their successors are Ready."
    )
    scale: Optional[ScaleEntry] = Field(
        None,
        description="Another number of replicas, until they are Ready; put back at the end. Refused"
        " where an autoscaler sets it.",
    )


class ChangeEntry(ChangeFields, title="change"):
    """One of several changes of a step, in order."""
