"""Pods that run before their policies are in force: the leak is measured, and a budget fails it."""

import re
import signal
import subprocess
import time

import pytest

from npol.errors import ExitCode
from npol.run import Options
from npol_lab.session import Lab, LabOptions
from tests import shop
from tests.e2e.conftest import NPOL
from tests.e2e.shop import eventually, open_shop, write_shop

pytestmark = pytest.mark.lab

HEAD = """
version: 1
name: fresh
given: [app.yaml]
defaults: {{timeout: 500ms, settle: {{within: 10s}}, leak: {budget}}}
peers:
  client: {{namespace: shop, labels: {{app: client}}}}
  web: {{namespace: shop, service: web}}
  starts: {{namespace: shop, labels: {{app: starts}}, fresh: true}}
  answers: {{namespace: shop, labels: {{app: answers}}, fresh: true}}
steps:
"""
STEPS = """
  - name: under policies
    apply: [policies.yaml]
    flows:
      - {name: out, from: starts, to: web, port: 80, expect: deny}
      - {name: in, from: client, to: answers, port: 9000, expect: deny}
"""
POLICIES = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec: {podSelector: {matchLabels: {app: starts}}, policyTypes: [Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: shop}
spec: {podSelector: {matchLabels: {app: answers}}, policyTypes: [Ingress]}
"""
KNOWN = re.compile(r"policies know pod (\S+) since (\d+\.\d+)")
NEAR = 0.05
"""Seconds from the truth."""
LONG = 60


def told(tmp_path, lab, budget):
    story = write_shop(tmp_path / "shop", STEPS, head=HEAD.format(budget=budget))
    (story.parent / "policies.yaml").write_text(POLICIES)
    options = Options(
        kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
    )
    return shop.told(shop.read(str(story)), options)


def known_since(lab, pod):
    """When the lab's policies knew a pod, on the machine's clock."""
    deadline = time.monotonic() + LONG
    while pod not in (since := dict(KNOWN.findall(lab.log.read_text()))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return float(since[pod])


def leaks(report):
    return {flow.name: flow.fresh for flow in report.steps[0].flows}


@pytest.mark.parametrize(
    "delay",
    [
        pytest.param(0.0, marks=pytest.mark.nightly),
        0.2,
        pytest.param(2.0, marks=pytest.mark.nightly),
    ],
)
def test_a_leak_is_measured_in_both_directions_and_fails_a_budget_of_nothing(tmp_path, delay):
    with Lab.start(LabOptions(nodes=1, fresh_pod_delay=delay)) as lab:
        report = told(tmp_path, lab, "0s")
        for start in leaks(report).values():
            if not delay:
                assert start.leaks == ()
                continue
            (leak,) = start.leaks
            truth = known_since(lab, start.pod.partition("/")[2]) - start.started - leak.began
            print(f"{delay:g} s, {start.end.value}: {leak.seconds:.3f} s, in truth {truth:.3f} s")
            assert leak.at_least - NEAR < truth < leak.at_most + NEAR
            assert abs(leak.seconds - truth) < NEAR

    wanted = "too open" if delay else "as expected"
    assert [f.verdict.value for f in report.steps[0].flows] == [wanted, wanted], shop.wrong(report)
    assert report.exit_code is (ExitCode.DIFFERS if delay else ExitCode.AS_EXPECTED)


PODS, POLICIES_OF, LEASES = (
    f"/{group}/namespaces/shop/{plural}"
    for group, plural in (
        ("api/v1", "pods"),
        ("apis/networking.k8s.io/v1", "networkpolicies"),
        ("apis/coordination.k8s.io/v1", "leases"),
    )
)


def fresh(server):
    """The fresh pods that are there, however far they have come."""
    pods = server.ask("GET", PODS)["items"]
    return {p["metadata"]["uid"]: p for p in pods if p["metadata"]["labels"]["app"] in FRESH}


FRESH = ("starts", "answers")
PHASES = {
    "they are asked for": fresh,
    "one has started": lambda server: [
        p for p in fresh(server).values() if p["status"].get("podIP")
    ],
}
"""Where a run is struck: what is there by then."""


@pytest.mark.nightly
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_run_that_is_struck_while_fresh_pods_start_leaves_nothing(
    lab, server, tmp_path, phase, sign
):
    if "shop" not in server.names("/api/v1/namespaces"):
        open_shop(server)
    story = write_shop(tmp_path, STEPS, head=HEAD.format(budget="0s"))
    (tmp_path / "policies.yaml").write_text(POLICIES)
    process = subprocess.Popen(
        [NPOL, "run", story, "--kubeconfig", lab.kubeconfig, "--context", lab.context],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    eventually(lambda: PHASES[phase](server) or process.poll() is not None)
    process.send_signal(sign)

    said, _ = process.communicate()

    assert process.returncode == (-sign if sign is signal.SIGKILL else 128 + sign), said
    eventually(lambda: server.names(PODS) == {"web"})
    eventually(lambda: server.names(POLICIES_OF) == set())
    eventually(lambda: not {n for n in server.names(LEASES) if n.startswith("npol")})
