"""
Runs that listen to the data plane come to the same verdicts as runs that do not, on clusters and
with expectations that nobody thought of: half of what is expected is wrong. A deny that lacks its
controls is unknown without records; only there may they know more.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from npol.model.expectation import Verdict
from npol.run import Options, StoryRun
from npol.story import load_story
from npol.yaml_positions import dump
from tests.policy.clusters import NAMESPACES, ip_blocks, labels, policies, specs

pytestmark = [pytest.mark.lab, pytest.mark.nightly, pytest.mark.timeout(3600)]

PODS = {"p0": "x", "p1": "x", "p2": "x", "p3": "y", "p4": "y", "p5": "y"}
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"
CLUSTERS_IN_A_STORY = 10
RUNS = int(os.environ.get("NPOL_RECORD_RUNS", "20"))
"""Each twice, with and without records: 200 clusters."""

blocks = ip_blocks("10.244.0.0/16", [f"10.244.{node}.{n}" for node in (1, 2) for n in range(2, 6)])
ends = st.sampled_from(sorted(PODS))
flows = st.lists(
    st.tuples(ends, ends, st.sampled_from(["80", "81/udp"]), st.sampled_from(["allow", "deny"])),
    min_size=5,
    max_size=8,
    unique_by=lambda flow: flow[:3],
)
clusters = st.tuples(policies(specs(blocks), max_policies=3), flows)


@st.composite
def stories(draw):
    """A story's manifests by file, and its own text: one step for each cluster."""
    spaces = [namespace(name, draw(labels)) for name in NAMESPACES]
    pods = [
        pod(name, space, draw(labels), n % 2 + 1) for n, (name, space) in enumerate(PODS.items())
    ]
    files = {"given.yaml": [*spaces, *pods]}
    steps = []
    for number in range(CLUSTERS_IN_A_STORY):
        made, asked = draw(clusters)
        files[f"c{number}.yaml"] = made
        gone = [{"delete": [f"c{number - 1}.yaml"]}] if number else []
        steps.append(
            {
                "name": f"cluster {number}",
                "change": [*gone, {"apply": [f"c{number}.yaml"]}],
                "flows": [flow(*one) for one in asked],
            }
        )
    peers = {name: {"namespace": space, "pod": name} for name, space in PODS.items()}
    story = {
        "version": 1,
        "name": "records",
        "given": ["given.yaml"],
        "defaults": {"timeout": "1s", "settle": {"within": "10s"}},
        "peers": peers,
        "steps": steps,
    }
    return files | {"records.npol.yaml": [story]}


def namespace(name, labels_):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels_}}


def pod(name, space, labels_, node):
    container = {
        "name": "web",
        "image": IMAGE,
        "args": ["netexec", "--http-port=80", "--udp-port=81"],
        "ports": [
            {"name": "web", "containerPort": 80},
            {"name": "api", "containerPort": 81, "protocol": "UDP"},
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": space, "labels": labels_},
        "spec": {
            "nodeName": f"lab-{node}",
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }


def flow(source, target, port, expected):
    number, _, protocol = port.partition("/")
    name = f"{source} -> {target}:{port} {expected}"
    entry = {"name": name, "from": source, "to": target, "port": int(number), "expect": expected}
    return entry | ({"protocol": protocol} if protocol else {})


@pytest.fixture(scope="module")
def told():
    """What was counted, and printed at the end: nobody compares nothing with nothing."""
    counted = Counter()
    yield counted
    print(dict(counted))


def verdicts(story, lab, records):
    """Step and flow -> verdict and outcome."""
    options = Options(
        kubeconfig=str(lab.kubeconfig),
        context=lab.context,
        create=True,
        disposable=True,
        flow_records=records,
    )
    run = StoryRun(story, options)
    try:
        run.open()
        steps = [run.reach(step.name) for step in story.steps]
    finally:
        restored = run.close()
    assert restored.complete, restored.problems
    assert not any(step.error for step in steps), [step.error for step in steps]
    return {(step.name, f.name): f for step in steps for f in step.flows}


def test_runs_come_to_the_same_verdicts_with_records_and_without(
    lab, told, tmp_path_factory, monkeypatch
):
    monkeypatch.delenv("NPOL_FLOW_RECORDS", raising=False)

    @settings(
        max_examples=RUNS,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        database=None,
        print_blob=True,
    )
    @given(files=stories())
    def holds(files):
        folder = tmp_path_factory.mktemp("story")
        for name, documents in files.items():
            (folder / name).write_text("---\n".join(map(dump, documents)))
        story = load_story(str(folder / "records.npol.yaml"), root=str(folder))
        without, listening = (verdicts(story, lab, records) for records in ("off", "auto"))
        told["clusters"] += CLUSTERS_IN_A_STORY
        told["flows"] += len(without)
        told["proven"] += sum(f.proof is not None for f in listening.values())
        told.update(f.verdict.value for f in without.values())
        assert listening.keys() == without.keys()
        for where, found in listening.items():
            if without[where].inconclusive and found.proof:
                told["proven, without their controls"] += 1
            else:
                assert summed(found) == summed(without[where]), (where, without[where].reason)

    holds()

    assert told["proven"] > 0
    assert told[Verdict.TOO_OPEN.value]
    assert told[Verdict.TOO_CLOSED.value]


def summed(result):
    return result.verdict, result.outcome, result.reason and result.reason.code
