"""Which sources a story's policies will let send nothing, as far as its manifests tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from npol.judge.probes import DNS_PROBE
from npol.model.story import Flow, Story
from npol.policy.objects.dialects import dialect_of
from npol.policy.simulate.flow_resolution import ask
from npol.policy.simulate.simulated_steps import scenes


def silenced_sources(story: Story, engine: str) -> set[str]:
    """
    Peers that in some step are expected to be denied something and may send nothing then.

    Policies that stand in the cluster are not looked at: what this misses is found in its step.
    """
    dialect = dialect_of(engine)
    found: set[str] = set()
    for scene, step in zip(scenes(story), story.steps, strict=True):
        denied = {f.source for f in step.flows if f.expect.for_engine(engine).closed}
        for source in denied - found:
            asked = (ask(scene.world, story, flow) for flow in _flows_of(story, source))
            if not any(one.answer(scene.world, dialect) for one in asked):
                found.add(source)
    return found


def _flows_of(story: Story, source: str) -> Iterator[Flow]:
    """Everything that a story asks from a source, and a look-up."""
    flows = {f.key: f for s in story.steps for f in s.flows if f.source == source}
    yield from flows.values()
    first = next(iter(flows.values()))
    yield replace(first, resolve=DNS_PROBE, target="", port=0, http=None, hold="")
