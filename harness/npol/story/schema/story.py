"""Steps and whole stories as written."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from npol.story.schema.change import ChangeEntry, ChangeFields, Sources
from npol.story.schema.check import AnyCheck
from npol.story.schema.flow import FlowEntry, GapBudgetEntry
from npol.story.schema.peer import PeerEntry
from npol.story.schema.values import (
    Duration,
    DurationOrZero,
    Entry,
    Image,
    Line,
    Namespace,
    ObjectName,
    Optional,
    Samples,
    Tag,
    Uid,
)

Trust = Optional[Literal["packets"]]
TRUST = (
    "`packets`: what packets show counts although npol's prediction differs, for clusters whose"
    " policies npol cannot all know. It stands in the report."
)


MOST_PAIRS = 100_000


class SettleEntry(Entry, title="settle"):
    """How long to wait for a verdict."""

    within: Duration = Field(
        0.0, description="A mismatch is final only after this long (30s; 45s after labels)."
    )
    stable: Samples = Field(2, description="How many equal outcomes in a row make a match final.")
    quiet: Duration = Field(
        0.0, description="How long an unchanged flow must stay so; the engine's figure by default."
    )


class WhenEntry(Entry, title="when"):
    """A condition without which a step is skipped."""

    exists: Line = Field(description="An object: KIND/NAME, or KIND/NAME in NAMESPACE.")


class StepEntry(ChangeFields, title="step"):
    """A change, then flows and checks."""

    name: Line = Field(description="What reports and pytest call it. Unique in the story.")
    change: list[ChangeEntry] = Field([], description="Several changes, in this order.")
    state: list[AnyCheck] = Field([], description="Claims about objects of the cluster.")
    flows: list[FlowEntry] = Field([], description="What is asked of the network.")
    matrix: str = Field(
        "",
        description="Flows as a truth table: a row is a source, a column a target"
        " (`peer:port`, `peer:port/udp`, `every pod of peer:port`, `peer:port /path`,"
        " or `? name` for a lookup), a cell an expectation; `-` is not asked.",
    )
    same_as: Line = Field(
        "", description="Ask everything of this earlier step again, with equal outcomes."
    )
    settle: Optional[SettleEntry] = Field(None, description="How long to wait for a verdict.")
    converge_within: Duration = Field(
        0.0, description="A budget for every flow of the step, counted from its change."
    )
    leak: Optional[DurationOrZero] = Field(
        None, description="A budget for every flow of the step with a fresh end."
    )
    trust: Trust = Field(None, description=TRUST)
    when: Optional[WhenEntry] = Field(
        None, description="Skip the step, with the reason, unless this object exists."
    )
    covers: list[Line] = Field([], description="Ids of requirements that the step shows.")
    tags: list[Tag] = Field([], description="Become pytest markers of all flows and checks.")


class PodEntry(Entry, title="pod"):
    """How debug pods are made."""

    image: Image = Field("", description="The image; netshoot by default.")
    pull_secrets: list[ObjectName] = Field([], description="Secrets to pull the image with.")
    requests: dict[str, str] = Field({}, description="Resource requests; 0 by default.")
    limits: dict[str, str] = Field({}, description="Resource limits: cpu, memory.")
    tolerations: list[dict[str, Any]] = Field([], description="Tolerations, as in a pod's spec.")
    annotations: dict[str, str] = Field({}, description="Annotations on every debug pod.")
    as_deployment: bool = Field(
        False, description="Make Deployments, for engines that do not see bare pods."
    )
    start_within: Duration = Field(
        180.0, description="How long they may take to run (3m): nodes are added, images pulled."
    )
    user: Optional[Literal["platform"] | Uid] = Field(
        None,
        description="The uid that they run as, or `platform`: none is written, for platforms that"
        " assign one. 65532 by default, and `platform` where that is refused (OpenShift).",
    )


class CanaryEntry(Entry, title="canary"):
    """npol's own pods outside the story's namespaces, where they differ from `pod`."""

    image: Image = Field("", description="The image; that of `pod` by default.")
    pull_secrets: list[ObjectName] = Field(
        [], description="Secrets to pull it with, of the canary's namespace and of npol-system."
    )
    namespace: Namespace = Field(
        "", description="Where the canary runs: an existing namespace; npol-system by default."
    )


class DefaultsEntry(Entry, title="defaults"):
    """What holds for the whole story unless a step or a flow says otherwise."""

    timeout: Duration = Field(
        2.0, description="Silence that makes a probe's outcome `timeout` (2s)."
    )
    settle: Optional[SettleEntry] = Field(None, description="How long to wait for a verdict.")
    pod: Optional[PodEntry] = Field(None, description="How debug pods are made.")
    canary: Optional[CanaryEntry] = Field(
        None, description="npol's own pods outside the story's namespaces."
    )
    namespace: Namespace = Field("", description="For manifests and checks that name none.")
    converge_within: Duration = Field(0.0, description="A budget for every flow of the story.")
    at_most: Optional[GapBudgetEntry] = Field(
        None, description="For how long each flow may be otherwise while it is watched."
    )
    leak: Optional[DurationOrZero] = Field(
        None, description="For how long each flow with a fresh end may be open once its pod runs."
    )
    trust: Trust = Field(None, description=TRUST)
    pairs: int = Field(
        10_000,
        ge=1,
        le=MOST_PAIRS,
        description="The most pairs that a flow between selected namespaces asks (10000); of more"
        " a sample is asked, the same each time.",
    )


class StoryEntry(Entry, title="story"):
    """A connectivity story: peers, and steps that change a cluster and ask what flows."""

    version: Literal[1] = Field(description="The version of this format.")
    name: Line = Field("", description="What reports call the story; the file's name by default.")
    covers: list[Line] = Field(
        [],
        description="Ids of requirements that the whole story shows; steps, flows and checks have"
        " a `covers` of their own.",
    )
    given: Sources = Field(
        [],
        description="Manifests of what must exist before. They are created only in the lab or"
        " with --create.",
    )
    defaults: Optional[DefaultsEntry] = Field(
        None, description="What holds unless a step or a flow says otherwise."
    )
    peers: dict[str, PeerEntry] = Field({}, description="The ends of flows, by name.")
    steps: list[StepEntry] = Field(description="What is done and asked, in order.")
    tags: list[Tag] = Field([], description="Become pytest markers of everything in the story.")
