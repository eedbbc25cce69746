"""Peers as written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from npol.story.schema.values import (
    Address,
    Entry,
    Host,
    Image,
    LabelKey,
    Labels,
    Line,
    Namespace,
    ObjectName,
    Optional,
    ServiceName,
    Workload,
)


class ViaEntry(Entry, title="via"):
    """The Service through which a host name is reached, such as an ingress controller's."""

    namespace: Namespace = Field(description="The Service's namespace.")
    service: ServiceName = Field(description="The Service's name.")


class RequirementEntry(Entry, title="matchExpressions"):
    """A requirement on a label, as in Kubernetes."""

    key: LabelKey = Field(description="The label's name.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="What holds of its value."
    )
    values: list[str] = Field([], description="For In and NotIn.")


class NamespacesEntry(Entry, title="namespaces"):
    """Namespaces by label, as a `namespaceSelector` selects them."""

    match_labels: Labels = Field({}, alias="matchLabels", description="Labels that they bear.")
    match_expressions: list[RequirementEntry] = Field(
        [], alias="matchExpressions", description="Requirements that all hold."
    )


class PeerEntry(Entry, title="peer"):
    """
    An end of a flow: a source, a target, or both.

    As a source: a debug pod with `labels` in `namespace`, or the running `workload` or `pod`,
    or an `external` place. As a target: `service`, else the pods of `workload`, `pod` or
    `labels`, else `host`, `address` or the `external` place.
    """

    namespace: Namespace = Field("", description="Where the peer's pods and Service live.")
    namespaces: Optional[NamespacesEntry] = Field(
        None,
        description="Namespaces by label, instead of one: flows say `each of PEER`,"
        " `the others of PEER` and `the same of PEER`.",
    )
    labels: Labels = Field(
        {},
        description="Labels of the debug pod that stands for this peer as a source, and the"
        " selector of its pods as a target. `{}`: a debug pod without labels.",
    )
    service: ServiceName = Field("", description="The Service through which the peer is reached.")
    workload: Workload = Field(
        "",
        description="A running workload to probe from or to reach: deployment/NAME, or any other"
        " kind that makes pods (statefulset, daemonset, replicaset, job, cronjob ...).",
    )
    pod: ObjectName = Field("", description="A running pod to probe from or to reach.")
    container: Namespace = Field(
        "", description="The container of `workload` or `pod` to run the probes in."
    )
    fresh: bool = Field(
        False,
        description="A debug pod that starts after the changes of each step that asks it. As a"
        " source it asks from its first instant on; as a target it is asked as soon as it has an"
        " address.",
    )
    host: Host = Field("", description="A host name outside, or one that an ingress serves.")
    via: Optional[ViaEntry] = Field(
        None, description="Reach `host` through this Service instead of by resolving its name."
    )
    external: Line = Field(
        "",
        description="A place outside the cluster, by the name that the lab or a --peers file"
        " gives it. Such a file says its address, and from which pod one can probe there.",
    )
    address: Address = Field("", description="One IP address, instead of a name.")
    node: ObjectName = Field(
        "",
        description="Where the debug pod runs: a node's name, or `same` or `other` for the"
        " target's node or another one.",
    )
    host_network: bool = Field(False, description="Run the debug pod in its node's network.")
    image: Image = Field("", description="The debug pod's image, instead of the story's default.")
