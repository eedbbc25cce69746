"""
Whole charts against the lab's server: it takes and refuses what the real one does.

`charts.json` was recorded from kube-apiserver 1.33.13: each object's answer as a dry run, and
what kubectl says of the whole stream.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.charts.corpus import CHARTS, NAMESPACE, collection, objects_of, path_of
from tests.lab.api.conftest import KUBECTL, normal, until

ANSWERS = Path(__file__).parent / "charts.json"
RECORDED = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
APPLY = {
    "client-side": ("--dry-run=server",),
    "server-side": ("--dry-run=server", "--server-side"),
}
IN_THE_SUITE = ("operator", "refused", "scaled-web")
UNLIKE = {
    "HorizontalPodAutoscaler/site-old": "fields are owned in the version in which they are kept",
    "ReplicationController/shop-rc": "a null time in a template counts as owned",
    "Deployment/files": "the same, in a volume's claim",
}
"""Objects whose owners of fields differ, and why."""
DRY = "?dryRun=All&fieldValidation=Strict&fieldManager=t"
JSON = "application/json"


def answers(send, chart):
    """Each object's answer to a dry run; the definitions of kinds are made for it, and removed."""
    objects = objects_of(chart)
    definitions = [o for o in objects if o["kind"] == "CustomResourceDefinition"]
    found = {}
    try:
        for definition in definitions:
            send("POST", collection(definition, []), json.dumps(definition).encode(), JSON)
        for obj in objects:
            where = collection(obj, definitions)
            if where and obj not in definitions:
                until(partial(answers_with, send, where, 200), where)
                name = f"{obj['kind']}/{obj['metadata']['name']}"
                found[name] = answer(send, where, obj)
    finally:
        for definition in definitions:
            place = f"{collection(definition, [])}/{definition['metadata']['name']}"
            send("DELETE", place, None, JSON)
            until(partial(answers_with, send, place, 404), place)
    return found


def answers_with(send, path, code):
    return send("GET", path, None, "")[0] == code


def answer(send, where, obj):
    code, raw, warnings = send("POST", where + DRY, json.dumps(obj).encode(), JSON)
    body = normal(json.loads(raw))
    told = [w for w in warnings if "the lab keeps" not in w]
    return {"code": code, "body": body} | ({"warnings": told} if told else {})


def applied(run, chart, options):
    done = run("apply", *options, "-n", NAMESPACE, "-f", str(path_of(chart)))
    return {
        "code": done.returncode,
        "said": done.stdout.splitlines(),
        "errors": sorted(
            line.replace(str(path_of(chart)), "FILE")
            for line in done.stderr.splitlines()
            if "the lab keeps" not in line
        ),
    }


@pytest.fixture(scope="module")
def shop(cluster):
    return cluster.namespace(NAMESPACE)


@pytest.mark.parametrize("chart", CHARTS)
def test_each_object_of_a_chart_is_answered_as_the_real_server_does(cluster, shop, chart):
    def send(method, path, body, type):
        got = cluster.request(method, path, body, type=type, headers={"User-Agent": "t/1"})
        return got.code, got.raw, got.headers.get_all("Warning") or []

    found, recorded = answers(send, chart), RECORDED[chart]["objects"]
    for name in UNLIKE.keys() & recorded.keys():
        found[name] = without_owners(found[name])
        recorded = {**recorded, name: without_owners(recorded[name])}
    assert found == recorded


def without_owners(answer):
    body = answer["body"]
    kept = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    return {**answer, "body": {**body, "metadata": kept}}


@pytest.mark.parametrize("options", APPLY)
@pytest.mark.parametrize(
    "chart",
    [c if c in IN_THE_SUITE else pytest.param(c, marks=pytest.mark.nightly) for c in CHARTS],
)
def test_kubectl_says_of_a_chart_what_it_says_to_the_real_server(kubectl, shop, chart, options):
    def run(*arguments):
        return kubectl(*arguments, check=False)

    assert applied(run, chart, APPLY[options]) == RECORDED[chart][options]


def test_each_chart_has_its_recorded_answers():
    assert set(RECORDED) == set(CHARTS)


@pytest.mark.live
@pytest.mark.nightly
def test_a_real_server_answers_charts_as_recorded(real, of_the_recording, places, pytestconfig):
    """With NPOL_RECORD=1 it records instead."""
    place = json.dumps({"metadata": {"name": NAMESPACE}}).encode()
    real("POST", "/api/v1/namespaces", place, JSON)
    places.append(NAMESPACE)
    account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"
    until(lambda: real("GET", account, None, "")[0] == 200, account)
    context = pytestconfig.getoption("--kube-context", None) or os.environ["NPOL_TEST_CONTEXT"]

    def run(*arguments):
        line = [str(KUBECTL), "--context", context, *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    found = {
        chart: {name: applied(run, chart, options) for name, options in APPLY.items()}
        | {"objects": answers(real, chart)}
        for chart in CHARTS
    }
    if os.environ.get("NPOL_RECORD"):
        lines = (f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in found.items())
        ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        return
    assert found == RECORDED
