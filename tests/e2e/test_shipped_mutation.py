"""Every mistake in a policy of a shipped story is noticed, or named with why it cannot be."""

from __future__ import annotations

import pytest

from npol.mutation.score import mutate
from npol.story import load_story
from tests.e2e.conftest import ROOT, SHIPPED

NOT_PROVABLE = {
    "tutorial/tutorial": {
        "allow-external-api.yaml:15": "only the cluster knows whether internet or partner is at "
        "203.0.113.5 (of 203.0.113.5/32) 443/tcp"
    }
}

TEACHING = ("first-steps/", "reference/", "fresh-pods/")
"""Stories that show how stories are written, with a policy or two that they need not hold."""


@pytest.mark.parametrize("name", [n for n in SHIPPED if not n.startswith(TEACHING)])
def test_every_mutant_is_noticed_or_named(name):
    found = mutate(load_story(f"{ROOT}/fixtures/{name}.npol.yaml", root=str(ROOT)))

    assert [f"{r.mutant}: {r.add}" for r in found.survivors] == []
    assert {
        str(r.mutant.origin).rpartition("/")[2]: r.unkillable for r in found.unkillable
    } == NOT_PROVABLE.get(name, {})
    assert len(found.equivalent) <= len(found.results) / 4, "what makes a difference is most"
