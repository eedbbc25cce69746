"""A story told with a mutant in the place of one of its policies, for packets to notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from npol.model.change import Apply, Change, Delete, Manifest
from npol.model.story import Step, Story
from npol.model.story_settings import Defaults, Settle
from npol.mutation.mutant import MutablePolicy, Mutant, in_force
from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.cilium_types import CiliumPolicy
from npol.policy.objects.tier_types import TierPolicy
from npol.policy.parse.object_source import Source, sources
from npol.policy.parse.parse_calico import is_calico_policy, parse_calico_policy
from npol.policy.parse.parse_cilium import is_cilium_policy, parse_cilium_policy
from npol.policy.parse.parse_policies import is_policy, parse_policy
from npol.policy.parse.parse_tiers import is_tier_policy, parse_tier_policy
from npol.policy.parse.serialize import calico_body_of, cilium_body_of, spec_of, tier_spec_of
from npol.policy.simulate.simulated_steps import SimulatedStep


def packets_only(story: Story, within: float) -> Story:
    """
    The story without what looks at anything but packets, and with bounded patience.

    State checks, budgets and `because` would fail for other reasons than a flow.
    """
    settle = replace(story.defaults.settle, within=_shorter(story.defaults.settle, within))
    defaults = replace(story.defaults, settle=settle, converge_within=None, leak=None)
    return replace(
        story, defaults=defaults, steps=tuple(_bare(step, within) for step in story.steps)
    )


def _shorter(settle: Settle, within: float) -> float:
    return min(settle.within or within, within)


def _bare(step: Step, within: float) -> Step:
    own = step.settle and replace(step.settle, within=_shorter(step.settle, within))
    flows = tuple(replace(flow, because="", converge_within=None, leak=None) for flow in step.flows)
    return replace(step, settle=own, flows=flows, checks=(), converge_within=None, leak=None)


def mutated_story(story: Story, mutant: Mutant, told: Sequence[SimulatedStep]) -> Story:
    """
    The story with the mutant applied where it applies the policy, up to the last step in force.

    `told`: the story simulated. Later steps cannot tell the two apart.
    """
    last = max((n for n, s in enumerate(told) if in_force(mutant, s.world)), default=-1)
    return replace(
        story,
        given=tuple(_instead(story.given, mutant, story.defaults)),
        steps=tuple(
            replace(step, changes=tuple(_changes(step, mutant, story.defaults)))
            for step in story.steps[: last + 1]
        ),
    )


def _changes(step: Step, mutant: Mutant, defaults: Defaults) -> Iterator[Change]:
    """Where the policy is gone, an earlier version of it must not stay in its place."""
    for change in step.changes:
        if not isinstance(change, Apply):
            yield change
            continue
        kept = tuple(_instead(change.manifests, mutant, defaults))
        if kept:
            yield replace(change, manifests=kept)
        gone = [m for m in change.manifests if _is(m, mutant, defaults)]
        if mutant.becomes is None and gone:
            yield Delete(at=change.at, manifests=tuple(gone))


def _instead(
    manifests: Sequence[Manifest], mutant: Mutant, defaults: Defaults
) -> Iterator[Manifest]:
    for manifest in manifests:
        if not _is(manifest, mutant, defaults):
            yield manifest
        elif mutant.becomes is not None:
            yield replace(manifest, body=_body(manifest, mutant.becomes))


def _is(manifest: Manifest, mutant: Mutant, defaults: Defaults) -> bool:
    namespace = defaults.namespace or "default"
    return any(_read(source, namespace) == mutant.policy for source in sources([manifest]))


def _read(source: Source, namespace: str) -> MutablePolicy | None:
    if is_policy(source):
        return parse_policy(source, default_namespace=namespace).policy
    if is_cilium_policy(source):
        return parse_cilium_policy(source, default_namespace=namespace).policy
    if is_calico_policy(source):
        return parse_calico_policy(source, default_namespace=namespace).policy
    return parse_tier_policy(source).policy if is_tier_policy(source) else None


def _body(manifest: Manifest, becomes: MutablePolicy) -> dict[str, Any]:
    if isinstance(becomes, CiliumPolicy):
        return cilium_body_of(becomes, manifest.body)
    if isinstance(becomes, CalicoPolicy):
        return calico_body_of(becomes, manifest.body)
    if isinstance(becomes, TierPolicy):
        return {**manifest.body, "spec": tier_spec_of(becomes, manifest.body["spec"])}
    return {**manifest.body, "spec": spec_of(becomes)}
