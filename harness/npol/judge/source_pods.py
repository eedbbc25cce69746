"""
Which pods of a workload are asked, and what their answers come to.

Each pod is a source of its own: policies select by labels, which pods of one workload need not
share, and a node whose agent does not enforce shows in the packets of its own pods only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from npol.model.expectation import Verdict
from npol.model.probe import PodRef
from npol.model.reason import FailingPods, Reason, ReasonCode
from npol.model.result import FlowResult, SourcePodResult, Witnesses

MOST = 10
"""Ready pods up to which every one is asked."""
_TEMPLATE = ("pod-template-hash", "controller-revision-hash")
WORST_FIRST = (
    Verdict.TOO_OPEN,
    Verdict.TOO_CLOSED,
    Verdict.WRONG_ANSWER,
    Verdict.FLAPPING,
    Verdict.INVALID,
    Verdict.UNKNOWN,
    Verdict.AS_EXPECTED,
)


def sampled(pods: Sequence[PodRef]) -> tuple[PodRef, ...]:
    """
    All of a source's pods; of more than ten, one of each node and pod template, and ten at least.
    """
    ordered = sorted(pods, key=lambda pod: pod.name)
    if len(ordered) <= MOST:
        return tuple(ordered)
    groups: dict[tuple[str, str], list[PodRef]] = {}
    for pod in ordered:
        groups.setdefault((pod.node, _template(pod)), []).append(pod)
    alternating = [pod for turn in zip_longest(*groups.values()) for pod in turn if pod]
    return tuple(alternating[: max(MOST, len(groups))])


def one_of_each_template(pods: Sequence[PodRef]) -> tuple[PodRef, ...]:
    """Of a workload in each of many namespaces: its pods of one template are alike."""
    ordered = sorted(pods, key=lambda pod: pod.name, reverse=True)
    return tuple({_template(pod): pod for pod in ordered}.values())


def _template(pod: PodRef) -> str:
    return next((pod.labels[name] for name in _TEMPLATE if name in pod.labels), "")


def combined(results: Sequence[FlowResult], *, pods: int, alike: bool) -> FlowResult:
    """
    What the pods of a source say together: as expected only where each of them is.

    Args:
        results: one for each pod that was asked.
        pods: how many the source has.
        alike: whether the policies are known to mean the same for the pods that were not asked
            as for one that was, or nothing is known.
    """
    worst = min(results, key=lambda r: WORST_FIRST.index(r.verdict))
    verdict, reason = worst.verdict, worst.reason
    if verdict is not Verdict.AS_EXPECTED and pods > 1:
        reason = _named(worst, results)
    elif verdict is Verdict.AS_EXPECTED and not alike:
        verdict, reason = Verdict.UNKNOWN, _not_asked(len(results), pods)
    if pods == 1:
        return replace(worst, verdict=verdict, reason=reason)
    return replace(
        worst,
        verdict=verdict,
        reason=reason,
        source_pods=pods,
        by_pod=tuple(map(_of_pod, results)),
        rounds=max(r.rounds for r in results),
        enforced_after=max(
            (r.enforced_after for r in results if r.enforced_after is not None), default=None
        ),
        enforced_between=max(
            (r.enforced_between for r in results if r.enforced_between),
            key=lambda interval: interval.until,
            default=None,
        ),
        settled_after=max(r.settled_after for r in results),
        witnesses=_least({r.witnesses for r in results}),
    )


def _named(worst: FlowResult, results: Sequence[FlowResult]) -> Reason:
    """The failing pod and how many fail with it, before what is wrong with it."""
    failing = sum(not r.passed for r in results)
    pods = FailingPods(failing=failing, asked=len(results), pod=str(worst.source_pod))
    own = Reason(code=ReasonCode.SOURCE_PODS_DIFFER, subject=pods.pod)
    return replace(worst.reason or own, pods=pods)


def _not_asked(asked: int, pods: int) -> Reason:
    return Reason(code=ReasonCode.SOURCE_PODS_DIFFER, count=asked, total=pods)


def _of_pod(result: FlowResult) -> SourcePodResult:
    assert result.source_pod
    return SourcePodResult(
        pod=result.source_pod,
        verdict=result.verdict,
        outcome=result.outcome,
        status=result.status,
        reason=result.reason,
    )


def _least(found: set[Witnesses]) -> Witnesses:
    """The weakest of what stands behind the pods' answers."""
    order = (Witnesses.DIFFER, Witnesses.PACKETS_ONLY, Witnesses.AGREE)
    return next(w for w in order if w in found)
