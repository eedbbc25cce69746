"""Policies of the whole cluster, applied by a story, decided by packets, and taken back."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.lab


@pytest.mark.nightly
def test_the_shipped_story_shows_both_tiers_and_leaves_nothing(npol):
    done = npol("run", ROOT / "fixtures/tiers/tiers.npol.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "created ClusterNetworkPolicy tenant-isolation-red" in done.stdout
    assert "40 of 40 as expected" in done.stdout
    assert "deleted ClusterNetworkPolicy metadata-guard" in done.stdout
    assert "flows verified" in done.stdout


@pytest.mark.nightly
def test_a_wrong_expectation_is_blamed_on_the_rule_of_the_tier(npol, tmp_path):
    shutil.copytree(ROOT / "fixtures/tiers", tmp_path / "tiers")
    policy = tmp_path / "tiers/policies/tenant-isolation.yaml"
    policy.write_text(policy.read_text().replace("{tenant: red}\n    - name", "{a: b}\n    - name"))
    (line,) = [
        number
        for number, text in enumerate(policy.read_text().splitlines(), 1)
        if "name: other tenants" in text
    ]

    done = npol("run", "tiers/tiers.npol.yaml", "--to", "tenants are isolated")

    assert done.returncode == 1
    assert f"tenant-isolation.yaml:{line}" in done.stdout
    assert "denies it before NetworkPolicies are asked" in done.stdout
