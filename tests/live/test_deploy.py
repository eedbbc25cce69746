"""`deploy/` on a cluster: an API server takes all of it, under the restricted standard."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from npol.kube.objects import NAMESPACES, Ref
from tests.live.conftest import permitted

PROGRAMS = all(map(shutil.which, ("helm", "kubectl")))
pytestmark = [
    pytest.mark.live,
    pytest.mark.nightly,
    pytest.mark.skipif(not PROGRAMS, reason="needs helm and kubectl"),
]

DEPLOY = Path(__file__).parents[2] / "deploy"
VALUES = (
    "image=registry.example/npol:1",
    r"stories.smoke\.npol\.yaml=version: 1",
    "mode=apply",
    "shards=2",
    "job.enabled=true",
    "metrics.dashboard=true",
    "metrics.pushgateway=http://pushgateway:9091",
)


def output(*command: object, told: str | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)), input=told, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "would violate PodSecurity" not in done.stderr
    return done.stdout


@pytest.fixture
def dry_run(target, namespace, connected):
    """What an API server says to objects, in a namespace that is there and restricted."""
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    permitted(connected(), namespace).patch(
        Ref(NAMESPACES, "", namespace), {"metadata": {"labels": labels}}
    )
    words = ["kubectl", "--context", target.context]
    words += ["--kubeconfig", target.kubeconfig] if target.kubeconfig else []

    def apply(objects: str) -> list[str]:
        objects = objects.replace("namespace: npol-system", f"namespace: {namespace}")
        objects = objects.replace("namespace: shop", f"namespace: {namespace}")
        return output(*words, "apply", "--dry-run=server", "-f", "-", told=objects).splitlines()

    return apply


def test_a_cluster_takes_what_the_chart_renders(dry_run, namespace):
    settings = [word for value in VALUES for word in ("--set", value)]
    rendered = output(
        *("helm", "template", "--kube-version", "1.33.0", "npol", DEPLOY / "chart"),
        *("-n", namespace, "--set", f"namespaces={{{namespace}}}", *settings),
    )

    told = dry_run(rendered)

    assert len(told) == rendered.count("\nkind: ")
    kinds = {line.partition("/")[0] for line in told}
    assert {"cronjob.batch", "job.batch", "networkpolicy.networking.k8s.io"} <= kinds


def test_a_cluster_takes_the_example_of_kustomize(dry_run):
    rendered = output("kubectl", "kustomize", DEPLOY / "example")

    assert len(dry_run(rendered)) == rendered.count("\nkind: ")
