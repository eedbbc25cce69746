"""What the policies mean for a story's flows, at the moment of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from npol.model.inventory import Inventory, Obj
from npol.model.prediction import Prediction
from npol.model.story import Flow, Manifest, Story
from npol.policy.parse.object_source import Given
from npol.policy.simulate.flow_resolution import ask
from npol.policy.simulate.forecast import predict
from npol.policy.state.apply_changes import build
from npol.policy.state.dns import with_dns

READ_BY_PROXIES = ("ConfigMap", "Ingress")
"""Kinds of `given` that tell what a proxy asks in its turn; they are not read from the cluster."""


class Predictor:
    """Predicts flows in one inventory. Policies that the story applied have positions."""

    def __init__(
        self,
        inventory: Inventory,
        applied: Mapping[tuple[str, str], Manifest],
        story: Story,
        engine: str,
        others: Sequence[Obj] = (),
    ) -> None:
        """`others`: policies of other kinds, near which nothing is predicted."""
        self._story = story
        self._engine = engine
        self._world = with_dns(build([*_given(inventory, applied, story), *others]))

    def predict(self, flow: Flow, source_pod: str = "") -> Prediction:
        """One flow's prediction, and what decides it; from one pod of its source, or from all."""
        asked = ask(self._world, self._story, flow, source_pod)
        return predict(asked, self._world, self._engine)


def _given(
    inventory: Inventory, applied: Mapping[tuple[str, str], Manifest], story: Story
) -> list[Given]:
    objects: list[Given] = [m for m in story.given if m.kind in READ_BY_PROXIES]
    objects += [*inventory.namespaces, *inventory.pods, *inventory.services]
    objects += [*inventory.slices, *inventory.nodes]
    for policy in inventory.policies:
        meta = policy["metadata"]
        objects.append(applied.get((meta["namespace"], meta["name"])) or policy)
    return objects
