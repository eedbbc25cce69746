import pytest

from npol_lab.node.status import Seen, pod_status, qos_class

NOW = "2026-11-21T10:00:00Z"
LATER = "2026-11-21T11:00:00Z"


def container(state, *, ready=False, last=None, started=False):
    return {
        "name": "c",
        "state": state,
        "lastState": last or {},
        "ready": ready,
        "started": started,
    }


RUNNING = container({"running": {}}, ready=True, started=True)
UNREADY = container({"running": {}}, started=True)
WAITING = container({"waiting": {"reason": "ContainerCreating"}})
DONE = container({"terminated": {"exitCode": 0}})
FAILED = container({"terminated": {"exitCode": 1}})
CRASHING = container({"waiting": {}}, last={"terminated": {"exitCode": 1}})
INIT_DONE = container({"terminated": {"exitCode": 0}}, ready=True)


def status(spec=None, *, main=(RUNNING,), init=(), now=NOW, before=None, **seen):
    spec = {"containers": [{"name": "c"} for _ in main], **(spec or {})}
    pod = {"metadata": {"name": "p"}, "spec": spec, "status": before or {}}
    facts = {"pod_ips": ["10.244.1.2"], "host_ips": ["10.98.1.11"], "started_at": NOW, **seen}
    return pod_status(pod, Seen(init=list(init), main=list(main), **facts), now)


def condition(found, kind):
    return next(c for c in found["conditions"] if c["type"] == kind)


ONE_INIT = {"initContainers": [{"name": "i"}]}
SIDECAR = {"initContainers": [{"name": "i", "restartPolicy": "Always"}]}
NEVER, ON_FAILURE = {"restartPolicy": "Never"}, {"restartPolicy": "OnFailure"}


@pytest.mark.parametrize(
    ("spec", "parts", "phase"),
    [
        pytest.param({}, {"main": [WAITING]}, "Pending", id="being-created"),
        pytest.param({}, {"main": [RUNNING, WAITING]}, "Pending", id="one-not-started"),
        pytest.param({}, {"main": [RUNNING]}, "Running", id="running"),
        pytest.param({}, {"main": [CRASHING]}, "Running", id="crash-loop"),
        pytest.param({}, {"main": [DONE]}, "Running", id="always-restarts"),
        pytest.param({}, {"main": [DONE], "ending": True}, "Succeeded", id="ended-well"),
        pytest.param({}, {"main": [FAILED], "ending": True}, "Failed", id="ended-badly"),
        pytest.param(NEVER, {"main": [DONE]}, "Succeeded", id="never-done"),
        pytest.param(NEVER, {"main": [DONE, FAILED]}, "Failed", id="never-failed"),
        pytest.param(ON_FAILURE, {"main": [FAILED]}, "Running", id="on-failure-restarts"),
        pytest.param(ONE_INIT, {"init": [RUNNING], "main": [WAITING]}, "Pending", id="init"),
        pytest.param(
            ONE_INIT | NEVER, {"init": [FAILED], "main": [WAITING]}, "Failed", id="init-failed"
        ),
        pytest.param(ONE_INIT, {"init": [INIT_DONE], "main": [RUNNING]}, "Running", id="init-done"),
        pytest.param(SIDECAR, {"init": [UNREADY], "main": [RUNNING]}, "Running", id="sidecar"),
        pytest.param(
            {}, {"failure": ("DeadlineExceeded", "too long")}, "Failed", id="deadline-exceeded"
        ),
    ],
)
def test_the_phase_follows_from_the_containers(spec, parts, phase):
    assert status(spec, **parts)["phase"] == phase


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ([RUNNING], ("True", None)),
        ([UNREADY], ("False", "ContainersNotReady")),
        ([WAITING], ("False", "ContainersNotReady")),
    ],
)
def test_ready_follows_the_containers(main, expected):
    ready = condition(status(main=main), "Ready")

    assert (ready["status"], ready.get("reason")) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], "False"),
        ([{"type": "npol.dev/gate", "status": "False"}], "False"),
        ([{"type": "npol.dev/gate", "status": "True"}], "True"),
    ],
)
def test_readiness_gates_hold_ready_back_but_not_the_containers(conditions, expected):
    spec = {"readinessGates": [{"conditionType": "npol.dev/gate"}]}
    found = status(spec, before={"conditions": conditions})

    assert condition(found, "Ready")["status"] == expected
    assert condition(found, "ContainersReady")["status"] == "True"


def test_conditions_of_others_stay_and_unchanged_ones_keep_their_time():
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": NOW}
    first = status(before={"conditions": [scheduled]})

    second = status(main=[UNREADY], before=first, now=LATER)

    assert scheduled in second["conditions"]
    assert condition(second, "Initialized")["lastTransitionTime"] == NOW
    assert condition(second, "Ready")["lastTransitionTime"] == LATER


def test_init_containers_that_work_are_named():
    found = status(ONE_INIT, init=[RUNNING | {"ready": False}], main=[WAITING])

    assert condition(found, "Initialized")["reason"] == "ContainersNotInitialized"
    assert "incomplete status: [i]" in condition(found, "Initialized")["message"]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        (
            {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
            "Burstable",
        ),
    ],
)
def test_quality_of_service_follows_requests_and_limits(resources, expected):
    assert qos_class({"containers": [{"resources": resources}]}) == expected
