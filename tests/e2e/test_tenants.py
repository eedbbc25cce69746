"""Peers by selector: one wrong rule among all pairs is found, and named."""

from __future__ import annotations

import json
import re
import subprocess
import sys

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


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_among_fifty_tenants_the_one_pair_is_named_in_little_memory():
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/tenants.py"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert "50 tenants: 2,450 pairs, all open" in done.stdout
    assert "), 1 too open: tenant-01 -> tenant-03;" in done.stdout
    memory = re.search(r"peak memory: (\d+) MB", done.stdout)
    assert int(memory[1]) < 300, done.stdout
