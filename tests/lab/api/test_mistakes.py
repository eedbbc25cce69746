"""
Wrong manifests, one mistake each: a lab refuses them as a real server does, word by word.

`mistakes.json` was recorded from kube-apiserver 1.33.13, with `dryRun=All` and the strict
field validation of kubectl.
"""

from __future__ import annotations

import copy
import json
import os
import secrets
from pathlib import Path

import pytest

from npol.yaml_positions import YamlDialect, load
from tests.lab.api.conftest import normal

HERE = Path(__file__).parent
ANSWERS = HERE / "mistakes.json"
RECORDED = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
STRICT = "?dryRun=All&fieldValidation=Strict"
UNLIKE = {
    "networkpolicies/types-as-text": "Go's own type has a name for the text",
    "pods/capability": "the message shows where in its memory the server keeps the values",
    "services/cluster-ip-outside": "a dry run of the server looks into no range, and says so",
}
"""Mistakes whose answers may differ in words, and why; code and reason are the same."""


def changed(right, change):
    """The right manifest with one mistake."""
    wrong = copy.deepcopy(right)
    for path, value in change.get("set", {}).items():
        *way, last = steps(path)
        place = reached(wrong, way)
        if isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    if path := change.get("without"):
        *way, last = steps(path)
        del reached(wrong, way)[last]
    return wrong


def steps(path):
    return [int(step) if step.isdigit() else step for step in path.split(".")]


def reached(place, way):
    for step in way:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    return place


def mistakes():
    """Name to path and manifest; the right manifest of each kind comes first."""
    found = {}
    for file in sorted((HERE / "mistakes").glob("*.yaml")):
        data = load(file.read_text(), file.name, YamlDialect.STORY)[0].data
        found[f"{file.stem}/right"] = data["path"], data["right"]
        for name, change in data["wrong"].items():
            found[f"{file.stem}/{name}"] = data["path"], changed(data["right"], change)
    return found


MISTAKES = mistakes()


def answers(send, namespace):
    place = json.dumps({"metadata": {"name": namespace}}).encode()
    send("POST", "/api/v1/namespaces", place, "application/json")
    account = b'{"metadata":{"name":"default"}}'
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    send("POST", accounts, account, "application/json")
    return {name: answer(send, namespace, *MISTAKES[name]) for name in MISTAKES}


def answer(send, namespace, path, manifest):
    where = path.replace("NS", namespace) + STRICT
    code, raw, _ = send("POST", where, json.dumps(manifest).encode(), "application/json")
    body = normal(json.loads(raw.decode().replace(namespace, "NS")))
    if code == 201:
        return {"code": code, "spec": body["spec"]}
    return {"code": code} | {k: body[k] for k in ("reason", "message", "details") if k in body}


def comparable(name, answer):
    return (answer["code"], answer["reason"]) if name in UNLIKE else answer


@pytest.fixture(scope="module")
def found(cluster):
    def send(method, path, body, type):
        got = cluster.request(method, path, body, type=type)
        return got.code, got.raw, []

    return answers(send, "mistakes")


@pytest.mark.parametrize("name", RECORDED)
def test_a_mistake_is_answered_as_the_real_server_does(found, name):
    assert comparable(name, found[name]) == comparable(name, RECORDED[name])


def test_each_mistake_has_a_recorded_answer():
    assert set(RECORDED) == set(MISTAKES)


@pytest.mark.live
@pytest.mark.nightly
def test_a_real_server_answers_mistakes_as_recorded(real, of_the_recording, places):
    """With NPOL_RECORD=1 it records instead."""
    namespace = f"cmp-{secrets.token_hex(3)}"
    places.append(namespace)
    told = answers(real, namespace)
    if os.environ.get("NPOL_RECORD"):
        lines = (f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in told.items())
        ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        return
    assert {k: comparable(k, v) for k, v in told.items()} == {
        k: comparable(k, v) for k, v in RECORDED.items()
    }
