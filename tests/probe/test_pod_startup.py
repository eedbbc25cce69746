"""Whether a pod runs, will run, or never will."""

import pytest

from npol.probe.pod_startup import hopeless, last_warning, runs


def pod(*, ip="10.0.0.1", ready="True", phase="Running", waiting=None, unscheduled="", **status):
    conditions = [
        {"type": "ContainersReady", "status": ready},
        {"type": "Ready", "status": "False"},
    ]
    if unscheduled:
        conditions.append(
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": unscheduled,
            }
        )
    states = [{"state": {"waiting": waiting}}] if waiting else [{"state": {"running": {}}}]
    return {
        "status": {
            "podIP": ip,
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": states,
            **status,
        }
    }


@pytest.mark.parametrize(
    ("seen", "yes"),
    [
        pytest.param(pod(), True, id="containers-ready"),
        pytest.param(pod(ip=""), False, id="no-address"),
        pytest.param(pod(ready="False"), False, id="containers-not-ready"),
        pytest.param({}, False, id="no-status"),
    ],
)
def test_a_pod_runs_without_ever_being_ready(seen, yes):
    assert runs(seen) is yes


@pytest.mark.parametrize(
    ("seen", "waited", "words"),
    [
        pytest.param(
            pod(waiting={"reason": "ErrImagePull", "message": "not found: tools:1"}),
            0,
            "ErrImagePull: not found: tools:1",
            id="image",
        ),
        pytest.param(
            pod(waiting={"reason": "ImagePullBackOff"}), 0, "ImagePullBackOff", id="back-off"
        ),
        pytest.param(pod(waiting={"reason": "ContainerCreating"}), 100, "", id="creating"),
        pytest.param(pod(unscheduled="0/2 nodes are available"), 5, "", id="node-may-come"),
        pytest.param(
            pod(unscheduled="0/2 nodes are available"),
            11,
            "Unschedulable: 0/2 nodes are available",
            id="no-node",
        ),
        pytest.param(
            pod(phase="Failed", reason="Evicted", message="low on memory"),
            0,
            "Evicted: low on memory",
            id="evicted",
        ),
        pytest.param(pod(), 0, "", id="healthy"),
    ],
)
def test_hope_ends_with_a_reason(seen, waited, words):
    assert hopeless(seen, waited) == words


def event(message, when, *, uid="u", kind="Warning"):
    return {
        "involvedObject": {"uid": uid},
        "type": kind,
        "reason": "Failed",
        "message": message,
        "lastTimestamp": when,
    }


def test_the_newest_warning_of_the_object_is_told():
    events = [
        event("old", "2026-11-21T10:00:00Z"),
        event("new", "2026-11-21T10:00:09Z"),
        event("other", "2026-11-21T10:00:10Z", uid="v"),
        event("normal", "2026-11-21T10:00:11Z", kind="Normal"),
    ]

    assert last_warning(events, "u") == "Failed: new"
    assert last_warning([], "u") == ""
