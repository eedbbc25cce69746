"""State checks on objects that are written here, with answers that are given."""

import dataclasses
import json
import os
import time
from typing import Any

import pytest

from npol.errors import InputError, Position
from npol.kube.api_errors import ApiError
from npol.model.change import Manifest
from npol.model.expectation import Outcome, Verdict
from npol.model.inventory import Inventory
from npol.model.probe import Answer
from npol.model.story import StateCheck
from npol.policy.state.from_inventory import cluster_state
from npol.report.seen_and_why import expected_words, seen_words, why_words
from npol.run.checks import check_all
from npol.run.checks.registry import CHECKERS
from npol.story.schema.check import CHECKS
from npol.yaml_positions import YamlDialect, load

AT = Position("a.npol.yaml", 7, 3)


@dataclasses.dataclass
class Scene:
    """A cluster's answers, written down."""

    inventory: Inventory = dataclasses.field(default_factory=Inventory)
    in_lab: bool = False
    objects: dict = dataclasses.field(default_factory=dict)
    refusals: dict = dataclasses.field(default_factory=dict)
    logs: dict = dataclasses.field(default_factory=dict)
    answers: dict = dataclasses.field(default_factory=dict)

    @property
    def state(self):
        return cluster_state(self.inventory)

    def get(self, kind, namespace, name):
        if kind not in {k.partition("/")[0] for k in self.objects}:
            raise InputError(f"the cluster serves no kind {kind}")
        return self.objects.get(f"{kind}/{name}")

    def live(self, manifest):
        return self.objects.get(f"{manifest.kind}/{manifest.name}")

    def refusal(self, obj):
        return self.refusals.get(obj["metadata"]["labels"]["app"], "")

    def log(self, pod, container):
        return self.logs[pod.name, container]

    def ask(self, pod, probes):
        return {p.key: self._answer(p) for p in probes}

    def _answer(self, probe):
        answer = self.answers.get(probe.address, Answer(key="", outcome=Outcome.REFUSED))
        return dataclasses.replace(answer, key=probe.key)


def check(kind, subject, namespace="shop", **wants):
    name = f"{kind} {subject}"
    return StateCheck(
        kind=kind, name=name, at=AT, namespace=namespace, subject=subject, wants=wants
    )


def result(one, scene):
    (found,) = check_all([one], "a step", lambda: scene, 0.0, now=lambda: 1.0)
    return found


def pod(name="web-1", labels=None, ready=True, ports=(), ip="10.0.0.1", image="nginx:1.27"):
    container = {"name": "web", "image": image, "ports": list(ports)}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": name,
            "labels": {"pod-template-hash": "5d4f"} | (labels or {"app": "web"}),
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d4f", "controller": True}],
        },
        "spec": {"containers": [container]},
        "status": {
            "phase": "Running",
            "podIP": ip,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def deployment(image="docker.io/library/nginx:1.27", **status):
    done = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "generation": 2},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
        "status": {**done, "readyReplicas": 1, **status},
    }


def service(target="http", port=80, selector=None):
    return {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"app": "web"} if selector is None else selector,
            "ports": [{"port": port, "targetPort": target}],
        },
    }


def endpoint_slice(*addresses, port=8080, ready=True):
    return {
        "metadata": {
            "name": f"web-{port}",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "endpoints": [{"addresses": [a], "conditions": {"ready": ready}} for a in addresses],
        "ports": [{"port": port}],
    }


def test_every_kind_that_a_story_may_name_is_checked():
    assert set(CHECKERS) == set(CHECKS)


@pytest.mark.parametrize(
    ("wants", "addresses", "holds"),
    [
        pytest.param({"ready": 1, "port": 8080}, ["10.0.0.1"], True, id="count-and-port"),
        pytest.param({"ready": 2}, ["10.0.0.1"], False, id="too-few"),
        pytest.param({"port": 80}, ["10.0.0.1"], False, id="other-port"),
        pytest.param({}, [], False, id="one-at-least-when-left-out"),
        pytest.param({"ready": 0}, [], True, id="none-wanted"),
    ],
)
def test_endpoints_are_counted_and_their_port_compared(wants, addresses, holds):
    scene = Scene(Inventory(slices=(endpoint_slice(*addresses),)))

    assert result(check("endpoints", "web", **wants), scene).passed is holds


@pytest.mark.parametrize(
    ("other", "wants", "holds", "seen"),
    [
        pytest.param(False, {"ready": 1, "port": 9090}, False, "1 ready on 8080", id="unready"),
        pytest.param(False, {"ready": 1, "port": 8080}, True, "1 ready on 8080", id="ready"),
        pytest.param(True, {"ready": 2, "port": 9090}, False, "2 ready on 8080, 9090", id="one"),
        pytest.param(True, {"ready": 2}, True, "2 ready on 8080, 9090", id="no-port-asked"),
    ],
)
def test_every_ready_endpoint_must_name_the_port_and_unready_ones_do_not_count(
    other, wants, holds, seen
):
    slices = (endpoint_slice("10.0.0.1"), endpoint_slice("10.0.0.2", port=9090, ready=other))

    found = result(check("endpoints", "web", **wants), Scene(Inventory(slices=slices)))

    assert (found.passed, seen_words(found)) == (holds, seen)


def test_labels_of_a_workload_are_those_of_its_pods():
    scene = Scene(Inventory(workloads=(deployment(),)))

    assert result(check("labels", "deployment/web", has={"app": "web"}), scene).passed
    told = result(check("labels", "deployment/web", has={"app": "api"}), scene)
    assert (expected_words(told), seen_words(told)) == ("app=api", "app=web")
    assert why_words(told) == "what selects by app=api does not select it"


@pytest.mark.parametrize(
    ("subject", "ready", "seen"),
    [
        pytest.param("app=web", True, "1 of 1 ready", id="selector"),
        pytest.param("app=web,tier!=db", False, "0 of 1 ready", id="selector-not-ready"),
        pytest.param("app=none", True, "no pod", id="selects-nothing"),
        pytest.param("app.example.test/name=web", True, "no pod", id="key-with-a-slash"),
        pytest.param("pod/web-1", True, "1 of 1 ready", id="pod"),
        pytest.param("deployment/web", True, "1 of 1 ready", id="workload"),
        pytest.param("deployment/gone", True, "not found", id="no-such-workload"),
        pytest.param("replicaset/web-5d4f", True, "1 of 1 ready", id="replicaset"),
        pytest.param("job/gone", True, "no pod", id="job-without-pods"),
    ],
)
def test_ready_asks_a_workload_a_pod_or_a_selector(subject, ready, seen):
    scene = Scene(Inventory(pods=(pod(ready=ready),), workloads=(deployment(),)))

    assert seen_words(result(check("ready", subject), scene)) == seen


@pytest.mark.parametrize(
    ("status", "image", "holds", "seen"),
    [
        pytest.param({}, "", True, "complete", id="complete"),
        pytest.param({}, "nginx:1.27", True, "complete, image ", id="end-of-the-image"),
        pytest.param({}, "inx:1.27", False, "complete, image ", id="not-half-a-name"),
        pytest.param({}, "nginx:1.28", False, "complete, image ", id="another-tag"),
        pytest.param({"observedGeneration": 1}, "", False, "the new version", id="not-seen-yet"),
        pytest.param({"updatedReplicas": 0}, "", False, "0 of 1 new, 1 available", id="not-new"),
        pytest.param({"replicas": 2}, "", False, "1 old to go", id="old-ones-stay"),
    ],
)
def test_rollout_is_complete_when_every_replica_is_new(status, image, holds, seen):
    scene = Scene(Inventory(workloads=(deployment(**status),)))

    found = result(check("rollout", "deployment/web", image=image), scene)

    assert found.passed is holds
    assert seen_words(found).startswith(seen)


def daemonset(**status):
    counts = {"desiredNumberScheduled": 0, "currentNumberScheduled": 0, "numberReady": 0}
    return deployment() | {
        "kind": "DaemonSet",
        "spec": {k: v for k, v in deployment()["spec"].items() if k != "replicas"},
        "status": {**counts, "numberMisscheduled": 0, **status},
    }


def stateful_set(strategy, **status):
    made = deployment(replicas=2, readyReplicas=2, availableReplicas=2, **status)
    made["spec"] |= {"replicas": 2, "updateStrategy": strategy}
    return {**made, "kind": "StatefulSet"}


OLD_AND_NEW = {"readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 0, "replicas": 2}


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        pytest.param(deployment(observedGeneration=1), "the new version was not seen", id="unseen"),
        pytest.param(daemonset(), "the new version was not seen", id="a-daemonset-just-made"),
        pytest.param(daemonset(observedGeneration=2), "", id="a-daemonset-without-nodes"),
        pytest.param(deployment(**OLD_AND_NEW), "0 of 1 new, 1 available", id="an-old-one"),
        pytest.param(deployment(replicas=2), "1 old to go", id="an-old-one-too-many"),
        pytest.param(deployment(availableReplicas=0), "1 of 1 new, 0 available", id="too-new"),
        pytest.param(
            stateful_set({"type": "OnDelete"}, updatedReplicas=0), "", id="renewed-by-hand"
        ),
        pytest.param(
            stateful_set({"rollingUpdate": {"partition": 1}}), "", id="behind-its-partition"
        ),
        pytest.param(stateful_set({}), "1 of 2 new, 2 available", id="in-mid-rollout"),
    ],
)
def test_a_workload_is_ready_once_its_controller_has_seen_it_and_its_rollout_is_over(obj, why):
    scene = Scene(Inventory(workloads=(obj,)))

    found = result(check("ready", f"{obj['kind'].lower()}/web"), scene)

    assert why_words(found).startswith(why)
    assert found.passed is not bool(why)


def test_a_workload_without_a_generation_is_ready_by_its_counts():
    obj = deployment()
    del obj["metadata"]["generation"], obj["status"]["observedGeneration"]
    scene = Scene(Inventory(workloads=(obj,)))

    assert result(check("ready", "deployment/web"), scene).passed


HTTP = {"name": "http", "containerPort": 8080}


@pytest.mark.parametrize(
    ("svc", "ports", "reason"),
    [
        pytest.param(service(), [HTTP], "", id="by-name"),
        pytest.param(service(target=8080), [HTTP], "", id="by-number"),
        pytest.param(
            service(target="web"),
            [HTTP],
            "targetPort web is no container port of pod web-1, which declares 8080 (http)",
            id="no-such-name",
        ),
        pytest.param(
            service(target=80),
            [],
            "targetPort 80 is no container port of pod web-1, which declares none",
            id="declares-nothing",
        ),
        pytest.param(
            service(selector={"app": "wbe"}),
            [HTTP],
            "no running pod carries app=wbe, which the Service selects",
            id="selects-nothing",
        ),
    ],
)
def test_aligned_names_what_does_not_fit(svc, ports, reason):
    slices = (endpoint_slice("10.0.0.1"),)
    scene = Scene(Inventory(services=(svc,), pods=(pod(ports=ports),), slices=slices))

    found = result(check("aligned", "service/web"), scene)

    assert why_words(found) == reason
    assert found.passed is not bool(reason)


POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow
  namespace: shop
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
    - from: [{podSelector: {}}]
      ports: [{port: 80}]
"""
STORED: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "allow", "namespace": "shop", "uid": "1", "resourceVersion": "9"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80, "protocol": "TCP"}]}],
    },
}


def manifest(text):
    (document,) = load(text, "allow.yaml", YamlDialect.MANIFEST)
    return Manifest(body=document.data, document=document, at=document.at())


def applied(live):
    objects = {"NetworkPolicy/allow": live} if live else {}
    wants = {"manifests": (manifest(POLICY),)}
    return result(check("applied", "allow.yaml", **wants), Scene(objects=objects))


def with_spec(**changes):
    return {**STORED, "spec": {**STORED["spec"], **changes}}


def test_applied_holds_for_what_the_api_server_makes_of_a_manifest():
    assert applied(STORED).passed


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        pytest.param(None, "allow.yaml: NetworkPolicy shop/allow is not in the cluster", id="gone"),
        pytest.param(
            with_spec(podSelector={}),
            "allow.yaml:8: NetworkPolicy shop/allow spec.podSelector.matchLabels: "
            "repository {'app': 'web'}, cluster nothing",
            id="wider-selector",
        ),
        pytest.param(
            with_spec(ingress=[*STORED["spec"]["ingress"], {}]),
            "spec.ingress[1]: repository nothing, cluster {}",
            id="a-rule-too-many",
        ),
        pytest.param(
            with_spec(policyTypes=["Ingress", "Egress"]),
            "repository nothing, cluster 'Ingress'",
            id="another-direction",
        ),
    ],
)
def test_applied_tells_drift_by_file_line_and_field(live, reason):
    found = applied(live)

    assert found.verdict is Verdict.WRONG_ANSWER
    assert reason in why_words(found)


APPLICATION = {
    "metadata": {"name": "root", "namespace": "argocd", "labels": {"a/b": "c"}},
    "status": {"health": {"status": "Healthy"}, "replicas": 2},
}


@pytest.mark.parametrize(
    ("wants", "holds"),
    [
        pytest.param({"path": ("status", "replicas"), "equals": 2}, True, id="equals"),
        pytest.param(
            {"path": ("status", "replicas"), "equals": "2"}, False, id="text-is-no-number"
        ),
        pytest.param({"path": ("status", "health", "status"), "matches": "^H"}, True, id="matches"),
        pytest.param({"path": ("status", "sync"), "equals": None}, False, id="no-such-field"),
        pytest.param({"path": ("status", "sync"), "exists": False}, True, id="field-not-there"),
        pytest.param({"exists": True}, True, id="object-there"),
        pytest.param({"exists": False}, False, id="object-not-wanted"),
    ],
)
def test_object_compares_a_field_of_any_object(wants, holds):
    kind = "application.argoproj.io"
    scene = Scene(objects={f"{kind}/root": APPLICATION})

    found = result(check("object", "root", ref=f"{kind}/root", **wants), scene)

    assert found.passed is holds


def test_object_in_the_lab_is_said_to_be_recorded_data():
    ref = "application.argoproj.io/root"
    scene = Scene(in_lab=True, objects={ref: APPLICATION})

    found = result(check("object", "root", ref=ref, exists=True), scene)

    assert "no controller" in why_words(found)


def test_a_kind_that_the_cluster_does_not_serve_is_unknown():
    found = result(check("object", "x", ref="policy.example.test/x", exists=True), Scene())

    assert found.verdict is Verdict.UNKNOWN
    assert why_words(found) == "the cluster serves no kind policy.example.test"


@pytest.mark.parametrize(
    ("refusals", "verdict", "seen"),
    [
        pytest.param({}, Verdict.AS_EXPECTED, "admitted by a dry run", id="admitted"),
        pytest.param({"web": "no limits"}, Verdict.WRONG_ANSWER, "refused", id="refused"),
    ],
)
def test_admits_asks_for_the_next_pod_of_a_workload(refusals, verdict, seen):
    scene = Scene(Inventory(workloads=(deployment(),)), refusals=refusals)

    found = result(check("admits", "deployment/web"), scene)

    assert (found.verdict, seen_words(found), why_words(found)) == (
        verdict,
        seen,
        refusals.get("web", ""),
    )


def test_logs_must_hold_the_text_in_every_pod():
    pods = (pod("web-1"), pod("web-2"))
    logs = {("web-1", "web"): "listening on 0.0.0.0:3001", ("web-2", "web"): "starting"}
    scene = Scene(Inventory(pods=pods, workloads=(deployment(),)), logs=logs)

    found = result(check("logs", "deployment/web", contain="listening"), scene)

    assert (seen_words(found), why_words(found)) == ("in 1 of 2 logs", "not in the log of web-2")
    assert not found.passed


def test_logs_that_may_not_be_read_are_unknown():
    class Mute(Scene):
        def log(self, pod, container):
            raise ApiError("may not get pods/log", status=403)

    scene = Mute(Inventory(pods=(pod(),), workloads=(deployment(),)))

    assert result(check("logs", "deployment/web", contain="x"), scene).verdict is Verdict.UNKNOWN


OPEN = Answer(key="", outcome=Outcome.OPEN)
SILENT = Answer(key="", outcome=Outcome.TIMEOUT)


@pytest.mark.parametrize(
    ("answers", "verdict", "seen"),
    [
        pytest.param(
            {"10.0.0.1": OPEN, "127.0.0.1": OPEN},
            Verdict.AS_EXPECTED,
            "listens on 0.0.0.0:3001",
            id="everywhere",
        ),
        pytest.param(
            {"127.0.0.1": OPEN},
            Verdict.WRONG_ANSWER,
            "listens on 127.0.0.1:3001 only",
            id="loopback-only",
        ),
        pytest.param({}, Verdict.WRONG_ANSWER, "nothing listens on 3001", id="nothing"),
        pytest.param(
            {"10.0.0.1": SILENT, "127.0.0.1": OPEN}, Verdict.UNKNOWN, "not known", id="no-answer"
        ),
    ],
)
def test_listens_tells_loopback_from_blocked(answers, verdict, seen):
    scene = Scene(Inventory(pods=(pod(),), workloads=(deployment(),)), answers=answers)

    found = result(check("listens", "deployment/web", port=3001, address="0.0.0.0"), scene)

    assert (found.verdict, seen_words(found)) == (verdict, seen)


def prometheus(answer, **wants):
    inventory = Inventory(services=(service(target="http", port=9090),), pods=(pod(ports=[HTTP]),))
    scene = Scene(inventory, answers={"10.0.0.1": answer})
    return result(check("prometheus", "service/web", port=9090, **wants), scene)


def http(body, status=200):
    return Answer(key="", outcome=Outcome.OPEN, status=status, body=body)


def vector(value):
    return http(json.dumps({"data": {"result": [{"metric": {}, "value": [1, value]}]}}))


@pytest.mark.parametrize(
    ("answer", "verdict", "seen"),
    [
        pytest.param(vector("2"), Verdict.AS_EXPECTED, "2 up", id="up"),
        pytest.param(vector("1"), Verdict.WRONG_ANSWER, "1 up", id="one-is-down"),
        pytest.param(http('{"data":{"result":[]}}'), Verdict.WRONG_ANSWER, "0 up", id="no-target"),
        pytest.param(http("hello"), Verdict.UNKNOWN, "not known", id="something-else"),
        pytest.param(http("", status=503), Verdict.UNKNOWN, "not known", id="not-ready"),
    ],
)
def test_prometheus_counts_targets_that_are_up(answer, verdict, seen):
    found = prometheus(answer, job="app", up=2)

    assert (found.verdict, seen_words(found)) == (verdict, seen)
    assert expected_words(found) == "2 up in job app"


def test_prometheus_with_nothing_up_can_be_claimed():
    assert prometheus(vector("0"), up=0).passed
    assert not prometheus(vector("1"), up=0).passed


@pytest.mark.parametrize(
    ("wants", "why"),
    [
        pytest.param({"job": "typo"}, "Prometheus knows no target of job typo", id="no-such-job"),
        pytest.param({}, "Prometheus knows no target", id="nothing-scraped-yet"),
    ],
)
def test_that_nothing_is_up_is_not_known_without_a_target(wants, why):
    found = prometheus(http('{"data":{"result":[]}}'), up=0, **wants)

    assert (found.verdict, why_words(found)) == (Verdict.UNKNOWN, why)


def test_debug_pods_are_no_pods_of_a_workload():
    probe = pod("npol-x", ready=False, ip="10.0.0.9")
    probe["metadata"]["annotations"] = {"npol.dev/peer": "web"}
    inventory = Inventory(
        services=(service(),),
        pods=(pod(ports=[HTTP]), probe),
        slices=(endpoint_slice("10.0.0.1"),),
    )

    assert seen_words(result(check("ready", "app=web"), Scene(inventory))) == "1 of 1 ready"
    assert result(check("aligned", "service/web"), Scene(inventory)).passed


def test_checks_are_asked_again_until_they_hold():
    scenes = iter([Scene(), Scene(), Scene(Inventory(slices=(endpoint_slice("10.0.0.1"),)))])
    naps = []

    (found,) = check_all(
        [check("endpoints", "web", ready=1)],
        "a step",
        lambda: next(scenes),
        10.0,
        now=lambda: float(len(naps)),
        sleep=naps.append,
    )

    assert found.passed
    assert len(naps) == 2


SECRET = {"metadata": {"name": "db", "annotations": {"a": "cGxhbnRlZA"}}}
SECRET |= {"data": {"password": "cGxhbnRlZA"}}


@pytest.mark.parametrize("kind", ["secret", "Secret", "secrets", "secret.v1"])
@pytest.mark.parametrize("claim", [{"equals": "other"}, {"matches": "^other$"}])
@pytest.mark.parametrize("path", [("data", "password"), ("data",), ("metadata", "annotations")])
def test_neither_value_of_a_secret_is_shown(kind, claim, path):
    scene = Scene(objects={f"{kind}/db": SECRET})

    found = result(check("object", f"{kind}/db", ref=f"{kind}/db", path=path, **claim), scene)

    assert found.verdict is Verdict.WRONG_ANSWER
    told = f"{expected_words(found)} {seen_words(found)} {why_words(found)}"
    assert "cGxhbnRlZA" not in told
    assert "other" not in told


def test_a_secret_is_compared_all_the_same():
    scene = Scene(objects={"secret/db": SECRET})
    claim = {"path": ("data", "password"), "equals": "cGxhbnRlZA"}

    assert result(check("object", "secret/db", ref="secret/db", **claim), scene).passed


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Secret", {"stringData": {"password": "PLANTED"}}),
        ("ConfigMap", {"metadata": {"annotations": {"token": "PLANTED"}}}),
        ("Pod", {"spec": {"containers": [{"env": [{"name": "A", "value": "PLANTED"}]}]}}),
        ("Pod", {"spec": {"containers": [{"args": ["-pPLANTED"]}]}}),
    ],
)
def test_drift_in_fields_that_may_hold_credentials_is_told_without_values(kind, body):
    body = {**body, "kind": kind, "metadata": {"name": "x", **body.get("metadata", {})}}
    written = json.dumps(body)
    (document,) = load(written.encode(), "x.yaml", YamlDialect.MANIFEST)
    manifest = Manifest(body=document.data, document=document, at=document.at())
    live = json.loads(written.replace("PLANTED", "ANOTHER"))
    scene = Scene(objects={f"{kind}/x": live})

    found = result(check("applied", "x.yaml", manifests=(manifest,)), scene)

    assert "differs (not shown)" in why_words(found)
    assert "PLANTED" not in why_words(found)
    assert "ANOTHER" not in why_words(found)


def test_an_expression_that_would_run_for_ever_is_soon_unknown():
    looks = []
    scene = Scene(objects={"configmap/x": {"data": {"a": "a" * 5000 + "!"}}})
    one = check("object", "x", ref="configmap/x", path=("data", "a"), matches="^(a+)+$")
    before = time.process_time(), os.times().children_user

    def look():
        looks.append(1)
        return scene

    (found,) = check_all([one], "a step", look, 1e9)

    spent = time.process_time() - before[0] + os.times().children_user - before[1]
    assert found.verdict is Verdict.UNKNOWN
    assert "did not end within 0.4 s of computing on 5001 characters" in why_words(found)
    assert len(looks) == 1
    assert spent < 3
