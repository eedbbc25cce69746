"""Whether a pod runs, will run, or never will."""

import pytest

from npol.probe.pod_startup import hopeless, last_warning, runs, scale_up, waits_for


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
            31,
            "ErrImagePull: not found: tools:1",
            id="no-image",
        ),
        pytest.param(
            pod(waiting={"reason": "ErrImagePull", "message": "not found: tools:1"}),
            6,
            "",
            id="image-may-come",
        ),
        pytest.param(
            pod(waiting={"reason": "ErrImagePull", "message": "i/o timeout"}),
            179,
            "",
            id="registry-may-come-back",
        ),
        pytest.param(pod(waiting={"reason": "ImagePullBackOff"}), 60, "", id="back-off"),
        pytest.param(
            pod(waiting={"reason": "InvalidImageName"}), 0, "InvalidImageName", id="image-name"
        ),
        pytest.param(pod(waiting={"reason": "ContainerCreating"}), 100, "", id="creating"),
        pytest.param(pod(unscheduled="0/2 nodes are available"), 5, "", id="node-may-come"),
        pytest.param(
            pod(unscheduled="0/2 nodes are available"), 40, "", id="as-long-as-an-autoscaler"
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


NOT_SCALED = "NotTriggerScaleUp: pod didn't trigger scale-up: 1 max node group size reached"


@pytest.mark.parametrize(
    ("scaling", "waited", "ends"),
    [(NOT_SCALED, 61, True), (NOT_SCALED, 20, False), ("TriggeredScaleUp: 1->2", 170, False)],
)
def test_hope_for_a_node_ends_where_the_autoscaler_adds_none(scaling, waited, ends):
    seen = pod(unscheduled="0/2 nodes are available")

    assert bool(hopeless(seen, waited, scaling)) is ends
    assert hopeless(pod(), waited, scaling) == "", "it has a node by now"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (pod(unscheduled="0/2 nodes are available"), "Unschedulable: 0/2 nodes are available"),
        (pod(waiting={"reason": "ErrImagePull", "message": "i/o timeout"}), "ErrImagePull: i/o"),
        (pod(waiting={"reason": "PodInitializing"}), ""),
        (
            pod(
                waiting={"reason": "PodInitializing"},
                initContainerStatuses=[{"state": {"waiting": {"reason": "ImagePullBackOff"}}}],
            ),
            "ImagePullBackOff",
        ),
        ({}, ""),
    ],
    ids=["node", "image", "beginning", "image-of-an-init-container", "no-status"],
)
def test_what_a_pod_waits_for_is_said(seen, words):
    assert waits_for(seen).startswith(words)
    assert bool(waits_for(seen)) is bool(words)


def test_the_newest_event_about_a_node_counts():
    events = [
        event("0/2 nodes", "2026-11-21T10:00:01Z", reason="FailedScheduling"),
        event("1->2", "2026-11-21T10:00:02Z", reason="TriggeredScaleUp", kind="Normal"),
        event("pulled", "2026-11-21T10:00:03Z", reason="Pulled"),
    ]

    assert scale_up(events, "u") == "TriggeredScaleUp: 1->2"
    assert scale_up(events, "v") == ""


def event(message, when, *, uid="u", kind="Warning", reason="Failed"):
    return {
        "involvedObject": {"uid": uid},
        "type": kind,
        "reason": reason,
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
