"""kustomize and helm as subprocesses, played by small scripts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from npol.errors import Mistake
from npol.story.manifest_validation import read_objects
from npol.yaml_positions import MAX_BYTES

HEAD = "version: 1\nsteps:\n- name: one\n  apply: "
KUSTOMIZATION = {"k/kustomization.yaml": "resources: [deny.yaml]\n"}
CHART = {"c/Chart.yaml": "name: c\n", "c/values.yaml": "a: b\n", "prod.yaml": "a: c\n"}


@pytest.fixture
def tool(tmp_path_factory, monkeypatch):
    """Makes the only program on PATH: it notes its arguments and does what its text says."""
    directory: Path = tmp_path_factory.mktemp("bin")
    monkeypatch.setenv("PATH", str(directory))

    def make(name: str, script: str) -> Path:
        said = directory / "said"
        program = directory / name
        program.write_text(f'#!/bin/sh\nfor a in "$@"; do echo "$a"; done > {said}\n{script}\n')
        program.chmod(0o755)
        return said

    return make


def render_policy(name: str = "rendered") -> str:
    return (
        f"echo 'apiVersion: networking.k8s.io/v1'; echo 'kind: NetworkPolicy';"
        f" echo 'metadata: {{name: {name}, namespace: shop}}'"
    )


@pytest.mark.parametrize(
    ("name", "verb"),
    [("kubectl", "kustomize"), ("kustomize", "build")],
    ids=["kubectl", "kustomize"],
)
def test_a_kustomization_is_built_by_the_tool_at_hand(name, verb, tool, story, tmp_path):
    said = tool(name, render_policy())
    change = story(f"{HEAD}[{{kustomize: k}}]\n", KUSTOMIZATION).step("one").changes[0]

    assert [m.name for m in change.manifests] == ["rendered"]
    assert change.manifests[0].at.file == "k (kubectl kustomize)"
    assert said.read_text().splitlines() == [verb, str(tmp_path / "k")]


def test_a_chart_is_rendered_with_its_values_and_namespace(tool, story, tmp_path):
    said = tool("helm", render_policy())
    entry = "[{helm: c, values: [prod.yaml], name: release, namespace: shop}]"
    change = story(f"{HEAD}{entry}\n", CHART).step("one").changes[0]

    assert [m.name for m in change.manifests] == ["rendered"]
    assert said.read_text().splitlines() == [
        "template",
        "release",
        str(tmp_path / "c"),
        "--no-hooks",
        f"--values={tmp_path / 'prod.yaml'}",
        "--namespace=shop",
    ]


@pytest.mark.usefixtures("tool")
@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            "{kustomize: k}",
            "'k' needs kubectl or kustomize, and neither is on PATH"
            " - install kubectl, or render it to a file first",
        ),
        (
            "{helm: c}",
            "'c' needs helm, which is not on PATH"
            " - install helm, or render the chart to a file first",
        ),
    ],
)
def test_a_tool_that_is_not_there_is_told(entry, told, mistakes):
    assert mistakes(f"{HEAD}[{entry}]\n", KUSTOMIZATION | CHART) == [f"s.npol.yaml:4:11: {told}"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Error: chart requires more\n\nUse --debug flag to render out invalid YAML\n",
         "chart requires more"),
        ("# Warning: old\nE1129 18:51:57.8 1 run.go:72] \"command failed\" err=\"no such file\"\n",
         "no such file"),
        ("E1129 18:51:57.8 1 run.go:72] \"command failed\" err=<\n\tFailed to read k:\n\tbad\n >\n",
         "Failed to read k: bad"),
        ("", "no message"),
    ],
    ids=["helm", "a line of the log", "lines of the log", "nothing"],
)  # fmt: skip
def test_a_tool_that_fails_is_quoted_with_its_reason(said, reason, tool, mistakes, tmp_path):
    (tmp_path / "said").write_text(said)
    tool("helm", f'while read -r line; do echo "$line"; done < {tmp_path / "said"} >&2; exit 1')

    assert mistakes(f"{HEAD}[{{helm: c}}]\n", CHART) == [
        f"s.npol.yaml:4:11: `helm template` on 'c' failed: {reason}"
    ]


def test_what_is_rendered_may_be_larger_than_a_file(tool, mistakes, monkeypatch):
    policy = b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n"
    wrong: list[Mistake] = []

    assert len(read_objects(b"#" * MAX_BYTES + b"\n" + policy, "k", "shop", wrong)) == 1
    assert not wrong

    monkeypatch.setattr("npol.story.kustomize_helm.MAX_RENDERED", 9)
    tool("helm", render_policy())
    assert mistakes(f"{HEAD}[{{helm: c}}]\n", CHART) == [
        "s.npol.yaml:4:11: 'c' renders to more than 0 MB"
    ]


def test_a_tool_that_fails_is_quoted_without_its_escapes(tool, mistakes):
    tool("helm", r"printf 'Error: \033[31mno\n' >&2; exit 1")

    assert mistakes(f"{HEAD}[{{helm: c}}]\n", CHART) == [
        r"s.npol.yaml:4:11: `helm template` on 'c' failed: \x1b[31mno"
    ]


def test_a_tool_that_hangs_is_given_up(tool, mistakes, monkeypatch):
    monkeypatch.setattr("npol.story.kustomize_helm.PATIENCE", 0.1)
    tool("helm", "while :; do :; done")

    assert mistakes(f"{HEAD}[{{helm: c}}]\n", CHART) == [
        "s.npol.yaml:4:11: `helm template` on 'c' took more than 0.1 s"
    ]


def test_values_stay_below_the_root(tool, mistakes):
    tool("helm", render_policy())
    (told,) = mistakes(f"{HEAD}[{{helm: c, values: [../../../etc/passwd]}}]\n", CHART)

    assert "'../../../etc/passwd' is outside of the root" in told


@pytest.mark.skipif(not os.path.exists("/usr/bin/kubectl"), reason="kubectl is not here")
def test_kubectl_itself_builds_a_kustomization(story):
    files = {
        "k/kustomization.yaml": "namePrefix: dev-\nresources: [deny.yaml]\n",
        "k/deny.yaml": "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        "metadata: {name: deny, namespace: shop}\nspec: {podSelector: {}}\n",
    }
    change = story(f"{HEAD}[{{kustomize: k}}]\n", files).step("one").changes[0]

    assert [m.name for m in change.manifests] == ["dev-deny"]
