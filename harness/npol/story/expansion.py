"""What a story says in short, written out: steps that repeat earlier ones, nodes of targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from npol.errors import Mistake, Mistakes
from npol.model.story import Flow, Step, Story
from npol.story.peers import NODE
from npol.story.steps import MAX_FLOWS


def expand(story: Story) -> Story:
    """
    The story with every `same_as` written out.

    Such a step gets the flows and checks of the step it names, with their expectations,
    but for those flows that it restates: the same question, or the same name.

    Raises:
        Mistakes: that is too much: a line may repeat thousands.
    """
    done: dict[str, Step] = {}
    asked = 0
    for step in story.steps:
        if step.same_as:
            step = _repeated(step, done[step.same_as])
        asked += len(step.flows) + len(step.checks)
        if step.same_as and asked > MAX_FLOWS:
            what = f"the story asks more than {MAX_FLOWS} flows and checks, those of `same_as` too"
            raise Mistakes([Mistake(step.at, what, "split it")])
        done[step.name] = step
    return _with_own_nodes(replace(story, steps=tuple(done.values())))


def _repeated(step: Step, model: Step) -> Step:
    restated = {k for f in step.flows for k in (f.key, f.name)}
    others = (_untagged(f) for f in model.flows if restated.isdisjoint((f.key, f.name)))
    flows = (*step.flows, *others)
    return replace(step, flows=flows, checks=(*step.checks, *model.checks))


def _with_own_nodes(story: Story) -> Story:
    """
    The targets that `@node` asks may run on several nodes: each of them is asked from its own.

    Where there is one only the peer keeps its name.
    """
    flows = (flow for step in story.steps for flow in step.flows)
    targets = dict.fromkeys(f.target for f in flows if f.source == NODE and f.target)
    if len(targets) < 2:
        return story
    names = {target: f"{NODE} of {target}" for target in targets}
    node = story.peers[NODE]
    peers = {**story.peers, **{name: replace(node, name=name) for name in names.values()}}
    steps = (
        replace(step, flows=tuple(_from_own_node(flow, names) for flow in step.flows))
        for step in story.steps
    )
    return replace(story, peers=peers, steps=tuple(steps))


def _from_own_node(flow: Flow, names: Mapping[str, str]) -> Flow:
    return replace(flow, source=names.get(flow.target, NODE)) if flow.source == NODE else flow


def _untagged(flow: Flow) -> Flow:
    """Repeated after a change, a flow is no smoke check: to select it would replay the change."""
    return replace(flow, tags=tuple(t for t in flow.tags if t != "smoke"))
