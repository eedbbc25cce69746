"""The rules that are named for a flow are those that decide it: without them it fares otherwise."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import CILIUM
from npol.policy.objects.entities import Traffic
from npol.policy.state.apply_changes import build
from tests.differential.ciliums import cilium_policies
from tests.examples import examples
from tests.policy.clusters import clusters, objects


@examples(3)
@given(cluster=clusters(), own=cilium_policies())
def test_without_the_rules_that_are_named_the_answer_changes(cluster, own):
    world = build([*objects({**cluster, "policies": []}), *own])
    for source in world.pods:
        for target in world.pods:
            traffic = Traffic(source=source, target=target, port=80)
            for number, side in enumerate(_sides(world, traffic)):
                named = side.denying or side.matching
                if not named:
                    assert side.allowed is not bool(side.isolating)
                    continue
                without = _sides(
                    _without(world, {(str(f.policy), f.origin.path) for f in named}), traffic
                )
                if side.denying:
                    assert side.allowed is False
                    assert without[number].allowed is (bool(side.matching) or not side.isolating)
                else:
                    assert side.allowed
                    assert without[number].allowed is not bool(side.isolating)


def _sides(world, traffic):
    (path,) = decide(world, traffic, CILIUM).paths
    return [side for side in path.sides if not side.not_applicable]


def _without(world, named):
    """The world without some rules; what is closed stays closed."""
    return replace(
        world,
        cilium_policies=tuple(
            replace(
                policy,
                sections=tuple(
                    replace(
                        section,
                        rules=tuple(
                            rule
                            for rule in section.rules
                            if (str(policy), rule.origin.path) not in named
                        ),
                    )
                    for section in policy.sections
                ),
            )
            for policy in world.cilium_policies
        ),
    )
