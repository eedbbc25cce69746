"""What becomes of open connections under a new deny, foretold for each network plugin."""

from pathlib import Path

import pytest

from npol.policy.simulate.forecast import forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.story import load_story

QUARANTINE = Path(__file__).parents[2] / "fixtures/quarantine/quarantine.npol.yaml"


@pytest.mark.parametrize(
    ("engine", "decision", "holds"),
    [
        ("calico", "allow", True),
        ("npol-lab", "allow", True),
        ("cilium", "deny", True),
        ("antrea", "unknown", None),
    ],
)
def test_open_connections_are_foretold_where_it_was_measured(engine, decision, holds):
    told = forecast(scenes(load_story(str(QUARANTINE))), engine)

    new, _, held = told[1].flows
    cleared = told[2].flows[2]
    assert new.prediction.decision.value == "deny"
    assert (held.prediction.decision.value, held.holds) == (decision, holds)
    assert held.by_engine
    assert (cleared.prediction.decision.value, cleared.by_engine) == ("allow", False)
