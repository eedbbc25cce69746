"""
State checks as written: claims about objects of the cluster, not about packets.

One class is one kind of check. Its first field, of the kind's own name, is what the check is
about; every other field but those of CheckEntry ends up in `StateCheck.wants`. A new kind is
a class here and its name in CHECKS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from npol.selectors import parse
from npol.story import field_validators
from npol.story.field_validators import shown
from npol.story.schema.change import Sources
from npol.story.schema.values import (
    Address,
    Count,
    Entry,
    KindAndName,
    Labels,
    Line,
    Namespace,
    Port,
    Templated,
    Workload,
)

_SERVICE = Annotated[
    str, AfterValidator(partial(field_validators.kind_and_name, kinds=("service",)))
]
_LABELLED = ("namespace", "pod", "service", "node", *field_validators.TEMPLATED)
_PART = re.compile(r"\.?([A-Za-z_$][\w-]*)|\[([0-9]{1,6})\]|\['([^']+)'\]")


def _pods(text: str) -> str:
    """A workload, a pod, or a label selector."""
    if re.match(r"[a-z]+/[^,=!]*$", text):
        return field_validators.kind_and_name(text, (*field_validators.WORKLOADS, "pod"))
    try:
        for requirement in parse(text)["matchExpressions"]:
            field_validators.label_key(requirement["key"])
            for value in requirement.get("values", ()):
                field_validators.label_value(value)
    except ValueError as error:
        raise field_validators.NotValid(
            str(error), "write deployment/NAME or app=web,tier!=db"
        ) from None
    return text


def _labelled(value: Mapping[str, str]) -> Mapping[str, str]:
    if len(value) != 1:
        raise field_validators.NotValid("must name one object", "as in {namespace: NAME}")
    ((kind, name),) = value.items()
    field_validators.kind_and_name(f"{kind}/{name}", _LABELLED)
    return value


def field_path(text: str) -> tuple[str | int, ...]:
    """
    `spec.rules[0].name` and `metadata.labels['a/b']` as keys and indexes.

    Raises:
        NotValid: it is no such path.
    """
    parts, end = [], 0
    while match := _PART.match(text, end):
        parts.append(int(match[2]) if match[2] else match[1] or match[3])
        end = match.end()
    if end == len(text) and parts:
        return tuple(parts)
    raise field_validators.NotValid(f"not a valid path: {shown(text)} (write spec.rules[0].name)")


def _path(text: str) -> str:
    field_path(text)
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise field_validators.NotValid(
            f"not a valid regular expression: {shown(text)}: {error}"
        ) from None
    return text


class CheckEntry(Entry):
    """What every check has."""

    name: Line = Field("", description="What reports and pytest call it.")
    namespace: Namespace = Field(
        "", description="The object's namespace; `defaults.namespace` when left out."
    )
    covers: list[Line] = Field([], description="Ids of requirements that the check shows.")

    @property
    def wants(self) -> dict[str, Any]:
        """What is claimed: every field that says something."""
        about = next(f for f in type(self).model_fields if f not in CheckEntry.model_fields)
        fields = set(type(self).model_fields) - set(CheckEntry.model_fields) - {about}
        told = {f: getattr(self, f) for f in type(self).model_fields if f in fields}
        return {f: v for f, v in told.items() if f in self.model_fields_set or v}


class EndpointsCheck(CheckEntry, title="endpoints check"):
    """A Service's ready endpoints: how many, and on which port."""

    endpoints: Namespace = Field(description="The Service's name.")
    port: Port = Field(0, description="The pods' port that every ready endpoint must name.")
    ready: Count = Field(0, description="How many must be ready; one at least when left out.")


class ReadyCheck(CheckEntry, title="ready check"):
    """Pods are Ready: all of a workload, or all that a selector selects (one at least)."""

    ready: Annotated[Line, AfterValidator(_pods)] = Field(
        description="deployment/NAME (its rollout over), or a label selector such as app=web."
    )


class RolloutCheck(CheckEntry, title="rollout check"):
    """A rollout is complete: every replica is new and available."""

    rollout: Workload = Field(description="deployment/NAME.")
    image: Line = Field("", description="The image, or the end of it, that must be running.")


class LabelsCheck(CheckEntry, title="labels check"):
    """An object carries labels that policies select by."""

    labels: Annotated[dict[str, str], AfterValidator(_labelled)] = Field(
        description="The object: `{namespace: NAME}`, `{pod: NAME}`, `{deployment: NAME}`."
        " A workload's labels are those of its pod template."
    )
    has: Labels = Field(description="Labels that it must carry.")


class AppliedCheck(CheckEntry, title="applied check"):
    """Objects are in the cluster as the repository has them; drift is shown as a diff."""

    applied: Sources = Field(
        description="Manifests: files and directories."
        " Policies are compared whole, of other objects what their manifests name."
    )


class ObjectCheck(CheckEntry, title="object check"):
    """A field of any object."""

    object: KindAndName = Field(description="KIND/NAME, or KIND.GROUP/NAME.")
    path: Annotated[Line, AfterValidator(_path)] = Field(
        "", description="The field: spec.rules[0].name, metadata.labels['a/b']."
    )
    equals: Any = Field(None, description="The value that it must have.")
    matches: Annotated[str, AfterValidator(_pattern)] = Field(
        "", max_length=500, description="A regular expression for its text."
    )
    exists: bool = Field(False, description="Whether the object, or the field, must be there.")


class AlignedCheck(CheckEntry, title="aligned check"):
    """A Service's selector, targetPort and the containers' ports agree."""

    aligned: _SERVICE = Field(description="service/NAME.")


class AdmitsCheck(CheckEntry, title="admits check"):
    """A new rollout would pass admission: the workload's next pod, by a dry run."""

    admits: Templated = Field(description="deployment/NAME.")


class LogsCheck(CheckEntry, title="logs check"):
    """A workload's logs hold a text."""

    logs: Workload = Field(description="deployment/NAME.")
    contain: str = Field(min_length=1, max_length=1000, description="The text to find.")
    container: Namespace = Field("", description="The container, when the pod has several.")


class ListensCheck(CheckEntry, title="listens check"):
    """A workload's process listens where others can reach it, not on loopback."""

    listens: Workload = Field(description="deployment/NAME.")
    port: Port = Field(description="The port that it must listen on.")
    address: Address = Field("0.0.0.0", description="The address that it must listen on.")


class PrometheusCheck(CheckEntry, title="prometheus check"):
    """Prometheus' own API says that scrape targets are up."""

    prometheus: _SERVICE = Field(description="service/NAME of Prometheus.")
    port: Port = Field(9090, description="The Service's port.")
    job: Line = Field("", description="Only targets of this scrape job.")
    up: Count = Field(1, description="How many targets must be up; 0: there are some, all down.")


CHECKS: dict[str, type[CheckEntry]] = {
    "endpoints": EndpointsCheck,  # before `ready`, which is one of its fields
    "ready": ReadyCheck,
    "rollout": RolloutCheck,
    "labels": LabelsCheck,
    "applied": AppliedCheck,
    "object": ObjectCheck,
    "aligned": AlignedCheck,
    "admits": AdmitsCheck,
    "logs": LogsCheck,
    "listens": ListensCheck,
    "prometheus": PrometheusCheck,
}
AnyCheck = (
    EndpointsCheck
    | ReadyCheck
    | RolloutCheck
    | LabelsCheck
    | AppliedCheck
    | ObjectCheck
    | AlignedCheck
    | AdmitsCheck
    | LogsCheck
    | ListensCheck
    | PrometheusCheck
)
