"""What summed-up flows say of a step's flows: shown beside the verdicts, and never their reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from npol.flow_records.whisker import WhiskerFlow
from npol.model.flow_record import RecordDirection
from npol.model.flow_summary import FlowSummary
from npol.model.observed import EndKind, ObservedEnd
from npol.model.probe import PodRef, Role
from npol.model.result import FlowResult, StepResult
from npol.model.story import Protocol, Step

_MADE = "(-[a-z0-9]+){0,2}"
"""What controllers put behind the name of a workload, to make a pod's name of it."""


def with_told_beside(
    result: StepResult, step: Step, told: Sequence[WhiskerFlow], began: float
) -> StepResult:
    """`began`: when the step did, in seconds since 1970; flows of other times tell of others."""
    ended = began + result.seconds
    then = [flow for flow in told if flow.time >= began and flow.begin <= ended]
    if not then:
        return result
    protocols = {flow.told_as: flow.protocol for flow in step.flows}
    flows = (replace(f, told_beside=_beside(f, protocols.get(f.name), then)) for f in result.flows)
    return replace(result, flows=tuple(flows))


def _beside(
    flow: FlowResult, protocol: Protocol | None, told: Iterable[WhiskerFlow]
) -> tuple[FlowSummary, ...]:
    ports = {e.port for e in flow.evidence if e.role in (Role.POD, Role.HOST)}
    about = [
        one
        for one in told
        if (one.protocol, one.port in ports) == (protocol, True) and _same_ends(flow, one)
    ]
    return tuple(sorted(map(_summary, about), key=lambda s: (s.start, s.side.value)))


def _same_ends(flow: FlowResult, told: WhiskerFlow) -> bool:
    source, targets = flow.source_pod, flow.target_pods
    if source is None or not _is(source, told.source):
        return False
    outside = not targets and told.target.kind is EndKind.OUTSIDE
    return outside or any(_is(pod, told.target) for pod in targets)


def _is(pod: PodRef, end: ObservedEnd) -> bool:
    """By the name that its pods share, and by those of their labels that all of them have."""
    if end.kind is not EndKind.POD or pod.namespace != end.namespace:
        return False
    named = re.fullmatch(re.escape(end.name) + _MADE, pod.name)
    return bool(named) and all(pod.labels.get(k) == v for k, v in end.labels)


def _summary(told: WhiskerFlow) -> FlowSummary:
    return FlowSummary(
        side=RecordDirection.INGRESS if told.at_target else RecordDirection.EGRESS,
        start=told.begin,
        end=told.time,
        denied=told.denied,
        by_default=told.by_default,
        policies=told.policies,
    )
