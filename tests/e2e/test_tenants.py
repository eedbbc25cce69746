"""Peers by selector: one wrong rule among all pairs is found, and named."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.lab


@pytest.mark.nightly
def test_one_rule_too_many_is_found_among_all_pairs_and_named(npol, tmp_path):
    done = npol("run", ROOT / "fixtures/tenants/wrong-story.yaml", "--report", "run.json")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "12 pairs (the others of tenants:8080), 1 too open: amber -> coral" in done.stdout
    assert "4 pairs (the same of tenants:8080), all open" in done.stdout
    assert "partner.yaml:" in done.stdout
    (step,) = json.loads((tmp_path / "run.json").read_text())["report"]["steps"]
    (failing,) = step["flows"][0]["pairs"]["failing"]
    assert failing["pair"] == {"source": "tenants/amber", "target": "tenants/coral"}
