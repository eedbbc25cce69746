"""Calico's own policies, applied by a story, decided by packets, and taken back."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.lab
STORY = ROOT / "fixtures/calico/calico.npol.yaml"


@pytest.mark.nightly
def test_the_shipped_story_of_calicos_kinds_holds_and_leaves_nothing(npol):
    done = npol("run", STORY)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "70 of 70 as expected" in done.stdout
    assert done.stdout.index("created Tier platform") < done.stdout.index("metadata-guard")
    assert "deleted Tier platform" in done.stdout
    assert "flows verified" in done.stdout


def test_explain_names_the_rule_of_the_tier_that_decides(npol):
    asked = ("blue -> red-web:8080", "--story", STORY, "--at", "the platform's tier comes first")

    done = npol("explain", *asked, "--engine", "calico")

    assert "tenant-isolation-red" in done.stdout
    assert "platform.yaml" in done.stdout
