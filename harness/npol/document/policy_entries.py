"""The parts of the page of record that the policies themselves say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol.model.policy_document import DocumentedFlow, DocumentedPolicy
from npol.model.prediction import PredictedDecision
from npol.model.story import Flow, Story
from npol.policy.evaluate.decision import Decision, DirectionDecision
from npol.policy.evaluate.evaluate import evaluate
from npol.policy.explain.describe import explain_policy
from npol.policy.explain.describe_ranked import RankedPolicy, describe_ranked
from npol.policy.objects.dialects import Dialect, dialect_of
from npol.policy.simulate.flow_resolution import ResolvedFlow, ask
from npol.policy.simulate.forecast import predict
from npol.policy.simulate.simulated_steps import SimulatedStep
from npol.policy.state.cluster_state import ClusterState
from npol.report.causes import fact_words

ANSWERS = {
    PredictedDecision.ALLOW: "allowed",
    PredictedDecision.DENY: "denied",
    PredictedDecision.DIFFERS_BY_FAMILY: "denied over one IP family, allowed over the other",
    PredictedDecision.DNS_TIMEOUT: "denied: the name does not resolve",
    PredictedDecision.DENY_BEHIND_PROXY: "denied behind the proxy: 502 or 504",
}


def policy_entries(world: ClusterState, dialect: Dialect) -> Iterator[DocumentedPolicy]:
    """Every policy in words: NetworkPolicies by namespace in the order of application, others."""
    for policy in sorted(world.policies, key=lambda p: p.namespace):
        at = policy.origin.at
        yield DocumentedPolicy(
            namespace=policy.namespace,
            name=policy.name,
            place=f"{at.file}:{at.line}" if at else "",
            lines=explain_policy(world, policy, dialect, counted=False).lines,
        )
    read = world.as_read(dialect)
    ranked: tuple[RankedPolicy, ...] = (
        *read.tier_policies,
        *read.calico_policies,
        *read.cilium_policies,
    )
    for other in sorted(ranked, key=lambda p: p.namespace):
        at = other.origin.at
        yield DocumentedPolicy(
            namespace=other.namespace,
            name=other.name,
            place=f"{at.file}:{at.line}" if at else "",
            lines=describe_ranked(read, other, counted=False),
        )


def flow_entries(
    story: Story, told: Sequence[SimulatedStep], at: SimulatedStep, engine: str
) -> Iterator[DocumentedFlow]:
    """Every flow that the story asks anywhere, as the policies of one of its scenes decide it."""
    for flow in _questions(story):
        answer, because = _answer(flow, story, at, engine)
        yield DocumentedFlow(
            source=flow.source,
            target=_target(flow),
            answer=answer,
            because=because,
            asked_in=_asked_in(flow, story, told, at, engine),
            foretold=answer in ANSWERS.values(),
        )


def _questions(story: Story) -> list[Flow]:
    """Each question once, whatever is expected of its answer."""
    found: dict[tuple[str, str], Flow] = {}
    for flow in (f for step in story.steps for f in step.flows):
        found.setdefault(_question(flow), flow)
    return list(found.values())


def _question(flow: Flow) -> tuple[str, str]:
    return flow.source, _target(flow)


def _target(flow: Flow) -> str:
    if flow.resolve:
        return f"name {flow.resolve}" + ("/tcp" if flow.protocol.value == "tcp" else "")
    every = "every pod of " if flow.every_pod else ""
    path = f" {flow.http.path}" if flow.http else ""
    return f"{every}{flow.target}:{flow.port}/{flow.protocol.value}{path}"


def _answer(
    flow: Flow, story: Story, at: SimulatedStep, engine: str
) -> tuple[str, tuple[str, ...]]:
    """Whether it is allowed, and by what."""
    asked = ask(at.world, story, flow)
    prediction = predict(asked, at.world, engine)
    answer = ANSWERS.get(prediction.decision) or f"not known: {fact_words(prediction.detail)}"
    return answer, tuple(dict.fromkeys(_because(asked, at.world, dialect_of(engine))))


def _asked_in(
    flow: Flow, story: Story, told: Sequence[SimulatedStep], at: SimulatedStep, engine: str
) -> str:
    """
    The last step up to this one that asks it while the policies answer the same.

    What is allowed must be so by the same rules: that all was open before them proves nothing.
    """
    answer, because = _answer(flow, story, at, engine)
    until = [scene.step for scene in told].index(at.step)
    for scene in reversed(told[: until + 1]):
        if any(_question(asked.flow) == _question(flow) for asked in scene.asked):
            found, by = _answer(flow, story, scene, engine)
            if found == answer and (answer != ANSWERS[PredictedDecision.ALLOW] or by == because):
                return scene.step
    return ""


def _because(asked: ResolvedFlow, world: ClusterState, dialect: Dialect) -> Iterator[str]:
    """The policies of the packets that decide: of the first that is cut, else of all."""
    packets, lookups, behind = (
        [evaluate(world, t, dialect) for t in traffics]
        for traffics in (asked.traffics, asked.lookups, asked.hops)
    )
    for decisions, where in ((packets, ""), (lookups, "its name, "), (behind, "behind it, ")):
        cut = [d for d in decisions if not d.allowed]
        if cut:
            yield from (f"{where}{text}" for text in _deciding(cut[0]))
            return
    for decisions, where in ((packets, ""), (behind, "behind it, ")):
        yield from (f"{where}{text}" for d in decisions for text in _deciding(d))


def _deciding(decision: Decision) -> Iterator[str]:
    for path in decision.distinct_paths:
        for side in path.sides:
            if decision.allowed or side.allowed is not True:
                yield from _of_side(side)


def _of_side(side: DirectionDecision) -> Iterator[str]:
    word = side.direction.field
    if side.not_applicable:
        yield f"{word}: {fact_words(side.not_applicable)}"
    elif fit := side.tier_rule:
        yield f"{word}: {fit.policy} ({fit.origin})"
    elif side.denying:
        yield from (f"{word}: {f.policy} ({f.origin})" for f in side.denying)
    elif not side.isolating:
        yield f"{word}: no policy"
    elif side.matching:
        yield from (f"{word}: {f.policy} ({f.origin})" for f in side.matching)
    else:
        names = ", ".join(f"{p} ({p.origin})" for p in side.isolating)
        yield f"{word}: no rule of {names}"
