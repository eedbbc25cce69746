"""Helm itself installs `deploy/chart` in a lab, and a run that fails fails what helm does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from npol.kube.guard import STATE_NAMESPACE

DEPLOY = Path(__file__).parents[2] / "deploy"
HELM = shutil.which("helm")
ENDS_AT_ONCE = "docker.io/library/busybox:1.36"
"""Has no program `run`, which is what the Job asks for."""

pytestmark = [
    pytest.mark.lab,
    pytest.mark.nightly,
    pytest.mark.skipif(not HELM, reason="needs helm"),
]


@pytest.fixture
def helm(lab, core, tmp_path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    known = {namespace.metadata.name for namespace in core.list_namespace().items}
    for name in {STATE_NAMESPACE, "shop"} - known:
        core.create_namespace({"metadata": {"name": name}})
    where = ("--kubeconfig", str(lab.kubeconfig), "--kube-context", lab.context)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(HELM), *where, "-n", STATE_NAMESPACE, *words],
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    run("uninstall", "npol")


def chart(image: str, *values: str) -> list[str]:
    story = rf"stories.smoke\.npol\.yaml={DEPLOY / 'example/smoke.npol.yaml'}"
    settings = [f"image={image}", "namespaces={shop}", *values]
    words = ["npol", str(DEPLOY / "chart"), "--timeout", "60s", "--set-file", story]
    return [*words, *(word for value in settings for word in ("--set", value))]


def test_a_chart_is_installed_and_leaves_nothing(helm, core):
    installed = helm("install", *chart("registry.example/npol:1"))

    assert "STATUS: deployed" in installed.stdout, installed.stderr
    assert core.read_namespaced_config_map("npol-stories", STATE_NAMESPACE).data
    assert "uninstalled" in helm("uninstall", "npol").stdout
    left = core.list_namespaced_config_map(STATE_NAMESPACE).items
    assert [m.metadata.name for m in left] == ["kube-root-ca.crt"]


def test_a_hook_that_fails_fails_the_release_and_its_test(helm):
    hook = ("job.enabled=true", "job.hook=helm", "cronJob.enabled=false")

    installed = helm("install", *chart(ENDS_AT_ONCE, *hook))
    tested = helm("test", "npol", "--timeout", "60s")

    assert "failed post-install" in installed.stderr
    assert "job npol failed" in installed.stderr
    assert tested.returncode != 0
    assert "job npol failed" in tested.stderr
