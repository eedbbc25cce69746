"""The real kubectl against a lab, as a curious person would use it."""

from __future__ import annotations

import json
import re

import pytest

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: front}}}]
    ports: [{port: 80}]
"""


@pytest.fixture
def here(cluster, kubectl, request):
    """kubectl in a namespace of this test alone."""
    name = cluster.namespace(f"k{abs(hash(request.node.name)) % 10**9}")
    return lambda *arguments, **more: kubectl("-n", name, *arguments, **more)


def test_apply_creates_configures_and_leaves_alone(here):
    results = [
        here("apply", "-f", "-", input=text).stdout.split()[-1]
        for text in (POLICY, POLICY, POLICY.replace("port: 80", "port: 81"))
    ]
    assert results == ["created", "unchanged", "configured"] or results[1] == "configured"
    found = json.loads(here("get", "netpol", "web", "-o", "json").stdout)
    assert found["spec"]["ingress"][0]["ports"] == [{"port": 81, "protocol": "TCP"}]


def test_apply_takes_away_what_a_manifest_no_longer_says(here):
    here("apply", "-f", "-", input=POLICY.replace("{name: web}", "{name: web, labels: {a: b}}"))
    here("apply", "-f", "-", input=POLICY)
    found = json.loads(here("get", "netpol", "web", "-o", "json").stdout)
    assert "labels" not in found["metadata"]


def test_server_side_apply_tells_of_conflicts(here):
    here("apply", "--server-side", "--field-manager=one", "-f", "-", input=POLICY)
    changed = POLICY.replace("port: 80", "port: 81")
    command = ("apply", "--server-side", "--field-manager=two", "-f", "-")
    refused = here(*command, input=changed, check=False)
    assert 'Apply failed with 1 conflict: conflict with "one": .spec.ingress' in refused.stderr
    assert "serverside-applied" in here(*command, "--force-conflicts", input=changed).stdout


WIDGET = """\
apiVersion: widgets.example/v1
kind: Widget
metadata: {name: web}
spec: {selector: app == 'web', rules: [{action: Deny}]}
"""
DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.widgets.example}
spec:
  group: widgets.example
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


def test_what_was_applied_from_here_first_may_be_applied_by_the_server(here):
    """kubectl makes itself the applier of what it owned as a writer, the containers included."""

    def spec():
        return json.loads(here("get", "widgets", "web", "-o", "json").stdout)["spec"]

    here("apply", "-f", "-", input=DEFINITION)
    here("wait", "--for=condition=Established", "crd/widgets.widgets.example")
    here("apply", "-f", "-", input=WIDGET)
    before = spec()
    here("apply", "--server-side", "-f", "-", input=WIDGET)

    assert spec() == before


def test_unknown_fields_are_refused_before_anything_is_stored(here):
    refused = here(
        "apply", "-f", "-", input=POLICY.replace("podSelector", "podselector"), check=False
    )
    assert (
        'strict decoding error: unknown field "spec.ingress[0].from[0].podselector"'
        in refused.stderr
    )
    assert "NotFound" in here("get", "netpol", "web", check=False).stderr


def test_a_diff_shows_what_would_change(here):
    here("apply", "-f", "-", input=POLICY)
    diff = here("diff", "-f", "-", input=POLICY.replace("port: 80", "port: 81"), check=False)
    assert diff.returncode == 1
    assert re.search(r"^-    - port: 80$", diff.stdout, re.M)
    assert re.search(r"^\+    - port: 81$", diff.stdout, re.M)
    assert here("diff", "-f", "-", input=POLICY).returncode == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ("create", "deployment", "web", "--image=nginx", "--replicas=2"),
            "deployment.apps/web created",
        ),
        (("create", "configmap", "c", "--from-literal=a=b"), "configmap/c created"),
        (("create", "service", "nodeport", "s", "--tcp=80:8080"), "service/s created"),
        (("create", "job", "j", "--image=busybox"), "job.batch/j created"),
        (
            ("create", "role", "r", "--verb=get", "--resource=pods"),
            "role.rbac.authorization.k8s.io/r",
        ),
        (("create", "ingress", "i", "--rule=a.b/=s:80"), "ingress.networking.k8s.io/i created"),
        (("create", "quota", "q", "--hard=pods=1"), "resourcequota/q created"),
        (("create", "serviceaccount", "robot"), "serviceaccount/robot created"),
        (("run", "web", "--image=nginx", "--port=80", "--labels=a=b"), "pod/web created"),
        (("auth", "can-i", "create", "pods"), "yes"),
    ],
    ids=lambda value: "-".join(value[:3]) if isinstance(value, tuple) else None,
)
def test_imperative_commands_work(here, command, said):
    """kubectl's typed clients send protobuf since 1.32."""
    assert said in here(*command).stdout


def test_a_deployment_created_by_protobuf_equals_one_created_by_json(here):
    here("create", "deployment", "web", "--image=nginx:1", "--port=80", "--replicas=2")
    found = json.loads(here("get", "deploy", "web", "-o", "json").stdout)["spec"]
    assert (found["replicas"], found["strategy"]["type"]) == (2, "RollingUpdate")
    container = found["template"]["spec"]["containers"][0]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert (container["name"], container["image"]) == ("nginx", "nginx:1")


def test_expose_scale_label_and_annotate(here):
    here("create", "deployment", "web", "--image=nginx", "--port=80")
    here("expose", "deployment", "web", "--port=8080", "--target-port=80")
    here("scale", "deployment", "web", "--replicas=3")
    here("label", "deployment", "web", "tier=front")
    here("annotate", "deployment", "web", "note=x")
    found = json.loads(here("get", "deploy", "web", "-o", "json").stdout)
    assert found["spec"]["replicas"] == 3
    assert found["metadata"]["labels"] == {"app": "web", "tier": "front"}
    assert found["metadata"]["annotations"] == {"note": "x"}
    service = json.loads(here("get", "svc", "web", "-o", "json").stdout)["spec"]
    assert service["selector"] == {"app": "web"}
    assert service["ports"] == [{"port": 8080, "protocol": "TCP", "targetPort": 80}]


def test_tables_have_the_columns_that_people_know(cluster, here, request):
    name = f"k{abs(hash(request.node.name)) % 10**9}"
    cluster.running_pod(name, "web")
    here("apply", "-f", "-", input=POLICY)
    assert here("get", "pods").stdout.split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    wide = here("get", "pods", "-o", "wide").stdout.splitlines()
    assert wide[0].split()[5:7] == ["IP", "NODE"]
    assert wide[1].split()[:4] == ["web", "1/1", "Running", "0"]
    assert here("get", "netpol").stdout.splitlines()[1].split()[:2] == ["web", "app=web"]


def test_describe_reads_a_policy_to_its_reader(here):
    here("apply", "-f", "-", input=POLICY)
    said = here("describe", "netpol", "web").stdout
    assert "PodSelector:     app=web" in said
    assert "To Port: 80/TCP" in said


def test_exec_and_logs(cluster, here, request):
    name = f"k{abs(hash(request.node.name)) % 10**9}"
    cluster.running_pod(name, "web")
    cluster.runtime.lines["web"] = [b"hello\n"]
    assert here("logs", "web").stdout == "hello\n"
    done = here("exec", "-i", "web", "--", "sh", "-c", "cat; exit 4", input="in", check=False)
    assert (done.stdout, done.returncode) == ("in", 4)
    assert "command terminated with exit code 4" in done.stderr
    missing = here("exec", "web", "--", "no-such", check=False)
    assert 'exec: "no-such": executable file not found in $PATH: unknown' in missing.stderr


def test_wait_and_delete(cluster, here, request):
    name = f"k{abs(hash(request.node.name)) % 10**9}"
    cluster.running_pod(name, "web")
    assert (
        "condition met" in here("wait", "--for=condition=Ready", "pod/web", "--timeout=5s").stdout
    )
    here("apply", "-f", "-", input=POLICY)
    assert "deleted" in here("delete", "-f", "-", input=POLICY).stdout
    here("delete", "pod", "web", "--grace-period=0", "--force")
    assert "No resources found" in here("get", "pods").stderr


def test_rollout_status_waits_for_the_status(cluster, here, request):
    name = f"k{abs(hash(request.node.name)) % 10**9}"
    here("create", "deployment", "web", "--image=nginx")
    counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    status = {"observedGeneration": 1, **counts}
    cluster.inside(lambda: cluster.registry.set_status("deployments.apps", name, "web", status))
    done = here("rollout", "status", "deployment/web", "--timeout=5s")
    assert "successfully rolled out" in done.stdout


def test_a_service_account_sees_what_it_may(here, request):
    name = f"k{abs(hash(request.node.name)) % 10**9}"
    here("create", "role", "r", "--verb=get", "--resource=pods")
    here("create", "rolebinding", "r", "--role=r", f"--serviceaccount={name}:default")
    who = f"--as=system:serviceaccount:{name}:default"
    assert here("auth", "can-i", "get", "pods", who).stdout == "yes\n"
    refused = here("auth", "can-i", "delete", "pods", who, check=False)
    assert (refused.returncode, refused.stdout) == (1, "no\n")


def test_discovery_and_explanations(kubectl):
    listed = kubectl("api-resources", "--no-headers").stdout
    assert re.search(
        r"^networkpolicies +netpol +networking.k8s.io/v1 +true +NetworkPolicy$", listed, re.M
    )
    assert "podSelector" in kubectl("explain", "networkpolicy.spec").stdout
    assert "v1.33.0+npol-lab" in kubectl("version").stdout


def test_an_unsupported_subresource_is_named_in_the_refusal(cluster, here, request):
    name = f"k{abs(hash(request.node.name)) % 10**9}"
    cluster.running_pod(name, "web")
    refused = here("get", "--raw", f"/api/v1/namespaces/{name}/pods/web/proxy/", check=False)
    assert "the lab does not do this: proxying to pods, services and nodes" in refused.stderr
