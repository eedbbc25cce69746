"""Calico's own policies: NetworkPolicy, GlobalNetworkPolicy, Tier, and network sets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import CALICO, CILIUM, LAB, SPEC
from tests.policy.calico_cases import CALICO_CASES, IN, np
from tests.policy.worlds import traffic, world_with

WORDS = {True: "allow", False: "deny", None: "?"}


@pytest.mark.parametrize("dialect", [CALICO, LAB], ids=["calico", "lab"])
@pytest.mark.parametrize(
    ("policies", "flow", "expected"), [pytest.param(*c[1:], id=c[0]) for c in CALICO_CASES]
)
def test_calico_decides_as_its_source_says(policies, flow, expected, dialect):
    world = world_with(*policies)
    assert not world.refused

    assert WORDS[decide(world, traffic(world, flow), dialect).allowed] == expected


@pytest.mark.parametrize("dialect", [SPEC, CILIUM], ids=["spec", "cilium"])
def test_elsewhere_these_kinds_are_not_evaluated(dialect):
    world = world_with(np("{}"))

    decision = decide(world, traffic(world, IN), dialect)

    assert decision.allowed is None
    assert [str(other) for other in decision.others] == ["NetworkPolicy.projectcalico.org x/p"]


def test_every_case_stands_in_the_documentation_with_its_source():
    text = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text()
    documented = re.findall(r"^\| `(calico-[a-z0-9-]+)` \|", text, re.M)

    assert documented == [c[0] for c in CALICO_CASES]
