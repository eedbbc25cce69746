"""The connections that a story holds open: opened at the end of one step, asked about in others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from npol.model.probe import PodRef, Probe
from npol.model.story import Flow, Step, Story
from npol.model.target import Target

_Held = tuple[str, str]
"""A source's uid, and what the flow asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    probe: Probe
    pods: tuple[PodRef, ...]
    """One of them is at its other end."""


class HeldFlows:
    """Remembers what was opened where; the sources hold it (`npol.probe.holder`)."""

    def __init__(self) -> None:
        self._opened: dict[_Held, _Opened] = {}

    def note(self, source: PodRef, probe: Probe, target: Target | None) -> None:
        """A connection that is about to be opened."""
        opened = _Opened(probe=probe, pods=target.pods if target else ())
        self._opened[source.uid, probe.key] = opened

    def probes(self, source: PodRef, flow: Flow, target: Target | None) -> tuple[Probe, ...]:
        """
        What asks about a flow's connection, where one was opened; nothing of another one counts.

        The silence of a connection whose pod may be gone says nothing about any policy.
        """
        opened = self._opened.get((source.uid, flow.key))
        if opened is None:
            return ()
        there = {pod.uid for pod in target.pods} if target else set()
        gone = [pod.name for pod in opened.pods if pod.uid not in there]
        doubt = f"it may have led to pod {gone[0]}, which is gone" if gone else ""
        return (replace(opened.probe, doubt=doubt),)


def opened_by(story: Story, step: Step) -> Step:
    """The flows whose connections are opened at the end of a step, each once."""
    flows: Iterable[Flow] = (f for s in story.steps for f in s.flows if f.hold == step.name)
    return Step(name=step.name, at=step.at, flows=tuple({f.key: f for f in flows}.values()))
