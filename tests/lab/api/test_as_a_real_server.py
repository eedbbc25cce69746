"""
Answers of a lab against those of a real API server, request by request, word by word.

`corpus/answers.json` was recorded from kube-apiserver 1.33.13, without controllers.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import pytest

from tests.lab.api.conftest import until

ANSWERS = Path(__file__).parent / "corpus" / "answers.json"
RECORDED = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
UNLIKE = {
    "create-nonsense": "JSON parsers differ in their words",
    "merge-unknown": "the message repeats the whole object, whose fields Go orders its own way",
    "apply-unknowns": "of two unknown fields the server names one, by chance",
    "apply-same-by-other": "an apply that changes nothing leaves its time out",
}
"""Requests whose answers may differ, and why."""


@pytest.fixture(scope="module")
def answers(cluster, replay):
    def send(method, path, body, type):
        answer = cluster.request(method, path, body, type=type, headers={"User-Agent": "t/1"})
        return answer.code, answer.raw, answer.headers.get_all("Warning") or []

    return replay(send, "cmp-lab")


@pytest.mark.parametrize("request_id", [i for i in RECORDED if i not in UNLIKE])
def test_a_lab_answers_as_the_real_server_did(answers, request_id):
    assert answers[request_id] == RECORDED[request_id]


def test_the_recording_holds_every_request_of_the_corpus(answers):
    assert set(answers) == set(RECORDED)


def refuses_pods(send, namespace):
    """Admission reads the labels of namespaces from a cache."""
    plain = {"containers": [{"name": "main", "image": "nginx:1.27"}]}
    pod = json.dumps({"metadata": {"name": "plain"}, "spec": plain}).encode()
    return send("POST", f"{namespace}/pods?dryRun=All", pod, "application/json")[0] == 403


def creations(send):
    """
    Only what controllers do not answer for: new objects, and those that would start a pod
    as a dry run.
    """
    makers = ("/pods", "/deployments", "/replicasets", "/daemonsets", "/statefulsets", "/jobs")

    def creating(method, path, body, type):
        if method == "PATCH" and path.count("/") == 4:  # a namespace: for what comes after it
            send(method, path, body, type)
            until(lambda: refuses_pods(send, path), "admission to see the new level")
        if method != "POST":
            return 0, b"", []
        if path.partition("?")[0].endswith(makers):
            path += ("&" if "?" in path else "?") + "dryRun=All"
        return send(method, path, body, type)

    return creating


@pytest.mark.live
@pytest.mark.nightly
def test_a_real_server_answers_as_recorded(real, replay, of_the_recording, places):
    """With NPOL_RECORD=1 it records instead, which wants a server without controllers."""
    recording = bool(os.environ.get("NPOL_RECORD"))
    namespace = f"cmp-{secrets.token_hex(3)}"
    places += [namespace, f"{namespace}-psa"]
    found = replay(real if recording else creations(real), namespace)
    if recording:
        lines = (f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in found.items())
        ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        return
    asked = {k: v for k, v in found.items() if v["code"] and k not in UNLIKE}
    assert [k for k, v in asked.items() if without_version(v) != without_version(RECORDED[k])] == []
    assert len(asked) > 100


def without_version(answer):
    """A dry run gives no resourceVersion."""
    body = answer["body"]
    if isinstance(body, dict) and isinstance(body.get("metadata"), dict):
        kept = {k: v for k, v in body["metadata"].items() if k != "resourceVersion"}
        return {**answer, "body": {**body, "metadata": kept}}
    return answer
