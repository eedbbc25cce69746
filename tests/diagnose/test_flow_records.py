"""What doctor says of flow records: that they work only where one came back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from npol.diagnose import FindingState, flow_records
from npol.flow_records import control
from npol.flow_records.control import control_records
from npol.kube.channels import ExecBroken
from npol.kube.exec_completion import ExecResult
from npol.kube.guard import Mode
from npol.kube.rbac import record_manifests
from npol.model.probe import PodRef
from tests.flow_records.test_hubble import lines

RECORD = lines("observe.jsonl")[0]


@pytest.fixture
def cluster(monkeypatch):
    """A cluster whose agents answer what is in `said`, by node."""
    said: dict[str, object] = {}

    def agents(_):
        return {
            node: PodRef(namespace="kube-system", name=f"cilium-{node}", uid="", ip="", node=node)
            for node in said
        }

    def run_once(_, pod, argv, *, timeout):
        answer = said[pod.node]
        if isinstance(answer, ExecBroken):
            raise answer
        return ExecResult(exit_code=0, stdout=str(answer), stderr="")

    monkeypatch.setattr(control, "agents_of", agents)
    monkeypatch.setattr(control, "run_once", run_once)
    return said


def findings(mode=Mode.APPLY):
    connection: Any = SimpleNamespace(mode=mode)
    return [(f.state, f.what) for f in flow_records.findings(connection)]


def test_records_work_where_one_came_back(cluster):
    cluster |= {"n1": RECORD, "n2": f"{RECORD}\n{RECORD}\n"}

    assert findings() == [(FindingState.OK, "Hubble works: control records came from 2 of 2 nodes")]


def test_each_node_without_a_record_is_told_with_the_reason(cluster):
    forbidden = ExecBroken("HTTP 403: pods/exec is forbidden", passing=False)
    cluster |= {"n1": RECORD, "n2": forbidden, "n3": "", "n4": "{}"}

    assert findings() == [
        (FindingState.OK, "Hubble works: control records came from 1 of 4 nodes"),
        (
            FindingState.UNVERIFIED,
            "none of node n2 (kube-system/cilium-n2): HTTP 403: pods/exec is forbidden",
        ),
        *(
            (
                FindingState.UNVERIFIED,
                f"none of node {node} (kube-system/cilium-{node}): "
                "Hubble has no record of any packet there",
            )
            for node in ("n3", "n4")
        ),
    ]


def test_nothing_is_asked_where_npol_only_reads_or_there_are_no_agents(cluster):
    assert findings() == []
    cluster["n1"] = ExecBroken("asked", passing=False)
    assert findings(Mode.READ_ONLY) == []


def test_nothing_of_the_records_themselves_is_kept(cluster):
    cluster["n1"] = lines("told.jsonl")[6]

    connection: Any = SimpleNamespace()
    assert "secret" not in repr(control_records(connection))


def test_the_right_to_read_records_is_a_role_of_its_own():
    role, binding = record_manifests()

    assert role["metadata"] == {"name": "npol-flow-records", "namespace": "kube-system"}
    assert role["rules"][1] == {
        "apiGroups": [""],
        "resources": ["pods/exec"],
        "verbs": ["get", "create"],
    }
    assert binding["roleRef"]["name"] == "npol-flow-records"
