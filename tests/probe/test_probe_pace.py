"""From how many connections on a source's round is bundled."""

import pytest

from npol.model.expectation import Outcome
from npol.model.probe import Answer
from npol.probe.bundle import MANY, MANY_BY_PYTHON, MANY_FOR_THE_STARVED
from npol.probe.probe_pace import ProbePace
from npol.probe.toolbox import Nc, Toolbox

TOOLS = {"nc", "bash", "timeout"}
PLAIN = Toolbox(tools=frozenset(TOOLS), nc=Nc.OPENBSD)
PYTHON = Toolbox(tools=frozenset(TOOLS | {"python3"}), nc=Nc.OPENBSD)
STARVED = [Answer(key="a", outcome=Outcome.ERROR, detail="starved", starved=True)]


@pytest.mark.parametrize(
    ("ends_early", "box", "many"),
    [
        pytest.param(True, PYTHON, MANY, id="records-may-end-one-of-them"),
        pytest.param(False, PYTHON, MANY_BY_PYTHON, id="nobody-ends-them"),
        pytest.param(False, PLAIN, MANY, id="no-python"),
    ],
)
def test_few_connections_are_bundled_where_that_is_cheaper(ends_early, box, many):
    assert ProbePace(ends_early=ends_early).many(box) == many


def test_a_source_that_starved_is_asked_by_bundles():
    pace = ProbePace()
    pace.note(STARVED)

    assert pace.many(PLAIN) == MANY_FOR_THE_STARVED
