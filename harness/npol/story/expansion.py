"""Steps that repeat earlier ones, written out."""

from __future__ import annotations

from dataclasses import replace

from npol.model.story import Flow, Step, Story


def expand(story: Story) -> Story:
    """
    The story with every `same_as` written out.

    Such a step gets the flows and checks of the step it names, with their expectations,
    but for those flows that it restates: the same question, or the same name.
    """
    done: dict[str, Step] = {}
    for step in story.steps:
        if step.same_as:
            model = done[step.same_as]
            restated = {k for f in step.flows for k in (f.key, f.name)}
            others = (_untagged(f) for f in model.flows if restated.isdisjoint((f.key, f.name)))
            flows = (*step.flows, *others)
            step = replace(step, flows=flows, checks=(*step.checks, *model.checks))
        done[step.name] = step
    return replace(story, steps=tuple(done.values()))


def _untagged(flow: Flow) -> Flow:
    """Repeated after a change, a flow is no smoke check: to select it would replay the change."""
    return replace(flow, tags=tuple(t for t in flow.tags if t != "smoke"))
