"""`npol lab` with what a chart or a kustomization renders to in it."""

from __future__ import annotations

import signal
import subprocess
from contextlib import ExitStack

import pytest

from npol.kube.connection import connect
from npol.kube.objects import NETWORK_POLICIES, PODS, Ref
from tests.e2e.conftest import NPOL

RBAC = "rbac.authorization.k8s.io/v1"
APPS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: front}
spec: {ports: [{port: 80}], clusterIP: 10.1.2.3.4}
---
apiVersion: example.test/v1
kind: Widget
metadata: {name: own}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reads}
rules: []
"""


@pytest.fixture
def chart(tmp_path, home):
    """A chart that a script renders to APPS, and an environment in which it is helm."""
    helm = tmp_path / "bin/helm"
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart/Chart.yaml").write_text("name: c\n")
    helm.parent.mkdir()
    helm.write_text(f"#!/bin/sh\n/bin/cat <<'E'\n{APPS}E\n")
    helm.chmod(0o755)
    home["PATH"] = f"{helm.parent}:{home['PATH']}"
    return "chart"


@pytest.fixture
def lab_with(tmp_path, home):
    """Start `npol lab OPTIONS`, and end it; what it said, and its kubeconfig."""
    with ExitStack() as stack:

        def start(*options):
            command = [NPOL, "lab", *options]
            lab = stack.enter_context(
                subprocess.Popen(command, cwd=tmp_path, env=home, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(lab.send_signal, signal.SIGINT)
            lines = []
            while not lines or not lines[-1].startswith("the lab is up"):
                lines.append(lab.stdout.readline())
                assert lines[-1], lines
            return lines, lines[-2].split()[1].partition("=")[2]

        yield start


@pytest.mark.lab
def test_a_lab_holds_what_a_chart_renders_to_and_says_what_it_refused(chart, lab_with):
    lines, kubeconfig = lab_with("--helm", chart, "-n", "shop")
    connection = connect(kubeconfig=kubeconfig, context="lab")

    assert lines[0] == "left out: Widget own (the cluster serves no such kind)\n"
    assert lines[1].startswith("refused: Service front/web: ")
    assert lines[2] == "5 objects are in the lab\n"  # two namespaces, too
    assert "Tier, NetworkSet, GlobalNetworkSet (projectcalico.org/v3" in lines[3]
    assert [p["metadata"]["name"] for p in connection.list(PODS, "shop")] == ["web"]
    assert [p["metadata"]["name"] for p in connection.list(NETWORK_POLICIES, "shop")] == ["web"]
    assert connection.get(Ref(connection.resource(RBAC, "ClusterRole"), "", "reads"))


def test_what_cannot_be_rendered_starts_no_lab(npol_here):
    done = npol_here("lab", "--helm", "nowhere")

    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere" in done.stderr
    assert npol_here("lab", "--helm", "a", "--kustomize", "b").returncode == 2
