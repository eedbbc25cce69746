"""kustomize and helm as subprocesses, played by small scripts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from npol.errors import Mistake
from npol.story.manifest_validation import read_objects
from npol.yaml_positions import MAX_BYTES

needs_helm = pytest.mark.skipif(not shutil.which("helm"), reason="needs helm 3")
HEAD = "version: 1\nsteps:\n- name: one\n  apply: "
KUSTOMIZATION = {"k/kustomization.yaml": "resources: [deny.yaml]\n", "k/deny.yaml": ""}
CHART_OF_HELM = "apiVersion: v2\nname: c\nversion: 1.0.0\n"
TEMPLATE = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: "{{ .Values.a }}", namespace: shop}
spec: {podSelector: {}}
"""
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
        "--no-hooks",
        "--skip-schema-validation",
        f'--values="{tmp_path / "prod.yaml"}"',
        "--namespace=shop",
        "--",
        "release",
        str(tmp_path / "c"),
    ]


@pytest.mark.parametrize(
    ("folder", "release"),
    [
        ("--post-renderer=sh", "post-renderer-sh"),
        ("web-1.2.3", "web-1.2.3"),
        ("My_Chart", "my-chart"),
        ("---", "release"),
        ("x" * 60, "x" * 53),
        ("a,b c", "a-b-c"),
    ],
)
def test_a_folder_names_a_release_and_is_never_an_option(folder, release, tool, story, tmp_path):
    said = tool("helm", render_policy())
    story(f"{HEAD}[{{helm: '{folder}'}}]\n", {f"{folder}/Chart.yaml": "name: c\n"})

    assert said.read_text().splitlines()[-3:] == ["--", release, str(tmp_path / folder)]


def test_a_path_of_values_is_one_path_whatever_stands_in_it(tool, story, tmp_path):
    """helm reads the option as a line of CSV: `v,/etc/secret` would be two files."""
    said = tool("helm", render_policy())
    odd = 'v,/etc/se"cret'
    story(f"{HEAD}[{{helm: c, values: ['{odd}']}}]\n", CHART | {odd: "a: b\n"})

    doubled = odd.replace('"', '""')
    assert f'--values="{tmp_path}/{doubled}"' in said.read_text().splitlines()


@pytest.mark.parametrize("namespace", ["--x", "a b", '"a\\0b"'])
def test_a_namespace_that_is_none_goes_to_no_program(namespace, tool, mistakes):
    said = tool("helm", render_policy())
    wrong = mistakes(f"defaults: {{namespace: {namespace}}}\n{HEAD}[{{helm: c}}]\n", CHART)

    assert any("not a valid name here" in line for line in wrong)
    assert "--namespace" not in said.read_text()


def test_an_old_helm_is_told(tool, mistakes):
    tool("helm", "echo 'Error: unknown flag: --skip-schema-validation' >&2; exit 1")

    assert mistakes(f"{HEAD}[{{helm: c}}]\n", CHART) == [
        "s.npol.yaml:4:11: `helm template` is too old - helm 3.16 or later is needed"
    ]


@needs_helm
def test_helm_itself_reads_no_file_that_a_schema_names(story, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"type": "integer"}')
    chart = {
        "c/Chart.yaml": CHART_OF_HELM,
        "c/templates/p.yaml": TEMPLATE,
        "c/values.yaml": "a: text\n",
        "c/values.schema.json": json.dumps({"properties": {"a": {"$ref": f"file://{secret}"}}}),
    }

    assert story(f"{HEAD}[{{helm: c}}]\n", chart).step("one").changes[0].manifests


@needs_helm
def test_helm_itself_takes_no_more_memory_than_is_allowed(mistakes):
    template = '# {{ len (repeat 4000000000 "x") }}\n'
    chart = {"c/Chart.yaml": CHART_OF_HELM, "c/templates/p.yaml": template}

    assert mistakes(f"{HEAD}[{{helm: c}}]\n", chart) == [
        "s.npol.yaml:4:11: `helm template` on 'c' took more than 1024 MiB of memory"
    ]


@needs_helm
def test_helm_itself_takes_no_folder_for_an_option_and_no_path_for_two(story, tmp_path):
    """`sh` would run what the template says, had it become the post-renderer."""
    name = "--post-renderer=sh"
    chart = {
        f"{name}/Chart.yaml": CHART_OF_HELM,
        f"{name}/templates/p.yaml": f"{TEMPLATE}# $(touch {tmp_path}/ran)\n",
        f"v,{tmp_path.name}/o": "a: one\n",
        "v": "a: two\n",
    }
    text = f"{HEAD}[{{helm: '{name}', values: ['v,{tmp_path.name}/o']}}]\n"

    assert [m.name for m in story(text, chart).step("one").changes[0].manifests] == ["one"]
    assert not (tmp_path / "ran").exists()


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


@pytest.mark.parametrize("key", ["resources", "transformers"])
def test_for_a_kustomization_that_names_an_address_no_program_is_started(key, tool, mistakes):
    said = tool("kubectl", render_policy())
    files = {"k/kustomization.yaml": f"{key}: ['file:///r?ref=--upload-pack=/evil.sh']\n"}

    assert mistakes(f"{HEAD}[{{kustomize: k}}]\n", files) == [
        f"s.npol.yaml:4:11: k/kustomization.yaml:1:{len(key) + 4} names "
        "'file:///r?ref=--upload-pack=/evil.sh', which would have to be fetched"
        " - render it to a file first"
    ]
    assert not said.exists()


def test_a_tool_that_needs_another_one_is_told(tool, mistakes):
    """As the scripts of version managers do."""
    tool("helm", "exec helm-of-a-version-manager")
    (told,) = mistakes(f"{HEAD}[{{helm: c}}]\n", CHART)

    assert told.startswith("s.npol.yaml:4:11: `helm template` did not start: ")
    assert told.endswith(
        "it must be the program itself: what stands in for it finds nothing on PATH"
    )


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

    monkeypatch.setattr("npol.story.renderer.MAX_RENDERED", 9)
    tool("helm", render_policy())
    assert mistakes(f"{HEAD}[{{helm: c}}]\n", CHART) == [
        "s.npol.yaml:4:11: `helm template` on 'c' wrote more than 0 MB"
    ]


def test_a_tool_that_fails_is_quoted_without_its_escapes(tool, mistakes):
    tool("helm", r"printf 'Error: \033[31mno\n' >&2; exit 1")

    assert mistakes(f"{HEAD}[{{helm: c}}]\n", CHART) == [
        r"s.npol.yaml:4:11: `helm template` on 'c' failed: \x1b[31mno"
    ]


def test_a_tool_that_hangs_is_given_up(tool, mistakes, monkeypatch):
    monkeypatch.setattr("npol.story.renderer.PATIENCE", 0.1)
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
