"""What the policies mean for a story's flows, at the moment of a step."""

from __future__ import annotations

from npol.model.prediction import Prediction
from npol.model.story import Flow, Story
from npol.policy.simulate.flow_resolution import ask
from npol.policy.simulate.forecast import predict
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns


class Predictor:
    """Predicts flows in one state of the cluster."""

    def __init__(self, state: ClusterState, story: Story, engine: str) -> None:
        self._story = story
        self._engine = engine
        self._world = with_dns(state)

    def predict(self, flow: Flow, source_pod: str = "") -> Prediction:
        """One flow's prediction, and what decides it; from one pod of its source, or from all."""
        asked = ask(self._world, self._story, flow, source_pod)
        return predict(asked, self._world, self._engine)
