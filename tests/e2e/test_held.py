"""Connections that are held open while policies change, with packets."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.lab


def test_a_quarantine_by_label_leaves_the_lab_as_calico_an_open_connection(npol, tmp_path):
    """In the lab, which does as Calico, new connections are denied and the open one lives."""
    story = ROOT / "fixtures/quarantine/quarantine.npol.yaml"
    done = npol("run", story, "--report", "run.json")

    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads((tmp_path / "run.json").read_text())["report"]["steps"]
    seen = [(flow["expected"], flow["seen"]) for step in steps for flow in step["flows"]]
    assert seen[1:3] == [("deny", "timeout"), ("lives", "lives")]
    assert seen[4] == ("lives", "lives")
    ports = {
        evidence["answer"]["detail"].rpartition("from port ")[2]
        for step in steps[1:]
        for evidence in step["flows"][1]["evidence"]
        if evidence["role"] == "service"
    }
    assert len(ports) == 1, ports
