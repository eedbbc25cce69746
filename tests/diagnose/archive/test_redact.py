"""What may be secret is not in what is collected; what explains a failure still is."""

from __future__ import annotations

import json

import pytest

from npol.diagnose.archive.redact import REDACTED, masked, redacted, secrets_of

CANARY = "hunter2-canary"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJucG9sIn0.c2lnbmF0dXJl"


def container(**fields):
    return {"name": "main", "image": "nginx:1.29", **fields}


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(container(env=[{"name": "PLAIN", "value": CANARY}]), id="env"),
        pytest.param(container(args=[f"--db-password={CANARY}"]), id="argument"),
        pytest.param(container(args=["--token", CANARY]), id="argument-after-its-flag"),
        pytest.param(container(command=["sh", "-c", f"API_KEY='{CANARY}' serve"]), id="script"),
        pytest.param(container(args=[f"postgres://me:{CANARY}@db/x"]), id="url"),
        pytest.param(
            container(
                readinessProbe={"httpGet": {"httpHeaders": [{"name": "X", "value": CANARY}]}}
            ),
            id="header-of-a-probe",
        ),
        pytest.param(container(args=["mysql", f"-p{CANARY}"]), id="short-option"),
        pytest.param(container(command=["curl", "-u", f"me:{CANARY}"]), id="user-option"),
        pytest.param(container(args=[CANARY]), id="bare-word"),
        pytest.param(
            container(livenessProbe={"exec": {"command": ["redis-cli", "-a", CANARY]}}),
            id="probe",
        ),
        pytest.param(
            container(startupProbe={"httpGet": {"path": f"/up?sig={CANARY}"}}),
            id="query-of-a-probe",
        ),
        pytest.param(
            container(lifecycle={"postStart": {"httpGet": {"path": f"/a?code={CANARY}"}}}),
            id="query-of-a-hook",
        ),
        pytest.param(
            container(lifecycle={"preStop": {"exec": {"command": ["login", "--secret", CANARY]}}}),
            id="hook",
        ),
    ],
)
def test_no_value_of_a_container_that_may_be_secret_is_kept(held):
    """Whether in a pod or in the template of a workload."""
    pod = {"kind": "Pod", "spec": {"containers": [held], "initContainers": [held]}}
    deployment = {"kind": "Deployment", "spec": {"template": pod}}

    assert CANARY in json.dumps(deployment)
    assert CANARY not in json.dumps(redacted(deployment))
    assert json.dumps(redacted(deployment)).count(REDACTED) == 2


def test_annotations_of_unknown_domains_and_the_last_applied_object_are_not_kept():
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    annotations = {applied: CANARY, "vault.example/word": CANARY, "npol.dev/run": "r1"}

    found = redacted({"metadata": {"annotations": annotations, "managedFields": [CANARY]}})

    assert found["metadata"] == {
        "annotations": {applied: REDACTED, "vault.example/word": REDACTED, "npol.dev/run": "r1"}
    }


def test_fields_that_explain_a_failure_are_kept_unredacted():
    pod = {
        "metadata": {"name": "web", "labels": {"app": "web", "pod-template-hash": "7d9f"}},
        "spec": {
            "imagePullSecrets": [{"name": "registry-credentials"}],
            "containers": [
                container(
                    readinessProbe={"httpGet": {"path": "/ready", "port": 8080}},
                    env=[
                        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                    ],
                    ports=[{"containerPort": 8080, "protocol": "TCP"}],
                )
            ],
        },
        "status": {"podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "False"}]},
    }

    assert redacted(pod) == pod


@pytest.mark.parametrize(
    "text",
    [
        f"login with {JWT}",
        f"Authorization: Bearer {CANARY}",
        f"DB_PASSWORD={CANARY}",
        f'level=error access_key: "{CANARY}"',
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
        f"the word is {CANARY}",
        f"mysql -p{CANARY} failed",
        f"curl -u me:{CANARY} http://db",
        f"https://store.test/a?sig={CANARY}&b=1",
        f"https://me:x/{CANARY}@db.test/",
        f"Authorization: Basic {CANARY}",
    ],
)
def test_texts_hold_no_credentials(text):
    found = masked(text, [CANARY] if "the word is" in text else [])

    assert CANARY not in found
    assert JWT not in found
    assert REDACTED in found


def test_lines_of_logs_stay_readable():
    line = "felix/int_dataplane.go 1234: Received endpoint update msg=workload=web token bucket"
    assert masked(line) == line


def test_secrets_are_values_whose_names_say_so():
    env = [
        {"name": "DB_PASSWORD", "value": "long-enough"},
        {"name": "API_TOKEN", "value": "short"},
        {"name": "NAMESPACE", "value": "backend-dev"},
        {"name": "SECRET_REF", "valueFrom": {}},
    ]
    assert list(secrets_of({"spec": {"containers": [{"env": env}]}})) == ["long-enough"]


def test_the_last_words_of_a_crashed_container_are_not_kept():
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": f"no {CANARY}"}}

    found = redacted({"status": {"containerStatuses": [{"lastState": ended}]}})

    state = found["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert state == {"exitCode": 1, "reason": "Error", "message": REDACTED}
