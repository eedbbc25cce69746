"""`npol check`: --fix, --fail-on, --schema, and what a chart or a kustomization renders to."""

from __future__ import annotations

import json

import pytest

from npol.cli.app import app
from npol.errors import ExitCode, InputError
from npol.story.schema.json_schema import schema

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {}  # all
  ingress: [{from: [{ipBlock: {cidr: 203.0.113.9/24}}]}]
"""
OLD = POLICY.replace("from: [{ipBlock: {cidr: 203.0.113.9/24}}]", "")
POD = """\
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 80}]}]}
"""
RENDERERS = {
    "--helm": ("helm", {"chart/Chart.yaml": "name: c\n"}, "chart"),
    "--kustomize": ("kubectl", {"overlay/kustomization.yaml": "resources: []\n"}, "overlay"),
}


@pytest.fixture
def npol(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def told(*words, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        code = app([*words], standalone_mode=False)
        return code, capsys.readouterr().out

    return told


@pytest.fixture(params=RENDERERS)
def rendered(request, tmp_path, monkeypatch):
    """Option and path of what a renderer, played by a script, renders to POLICY and a pod."""
    tool, files, path = RENDERERS[request.param]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    script = tmp_path / "bin" / tool
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n/bin/cat <<'E'\n{POLICY}{POD}E\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    return request.param, path


def test_fix_writes_what_is_certain_and_tells_what_is_left(npol, tmp_path):
    code, out = npol("check", "p.yaml", "--fix", p=POLICY.replace(".9/24", ".9/24 "))

    fixed = POLICY.replace("  podSelector", "  policyTypes: [Ingress]\n  podSelector")
    assert (tmp_path / "p.yaml").read_text() == fixed.replace(".9/24", ".0/24 ")
    assert out.startswith(
        "fixed: p.yaml:5:3: NP030: write policyTypes: [Ingress]\n"
        "fixed: p.yaml:6:38: NP042: write 203.0.113.0/24\n0 finding(s), 2 fixed\n"
    )
    assert code == ExitCode.AS_EXPECTED


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"], ids=["crlf", "lf"])
def test_fix_keeps_line_ends_and_the_mark_of_the_file(npol, tmp_path, ending):
    file = tmp_path / "p.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + POLICY.encode().replace(b"\n", ending))

    npol("check", "p.yaml", "--fix")

    assert file.read_bytes().startswith(b"\xef\xbb\xbfapiVersion")
    assert file.read_bytes().count(b"\n") == file.read_bytes().count(ending) >= 6
    assert b"203.0.113.0/24" in file.read_bytes()


@pytest.mark.parametrize(
    ("least", "code"), [("error", 0), ("warning", 0), ("note", ExitCode.DIFFERS)]
)
def test_fail_on_says_which_severity_counts(npol, least, code):
    assert npol("check", "p.yaml", "--fail-on", least, p=POLICY)[0] == code


def test_schema_is_printed(npol):
    code, out = npol("check", "--schema")

    assert (code, json.loads(out)) == (ExitCode.AS_EXPECTED, schema())


def test_check_judges_what_is_rendered(npol, rendered):
    code, out = npol("check", *rendered)

    assert "NP042 note: 203.0.113.9/24 has bits behind its prefix" in out
    assert "read 1 policy, 1 pod" in out
    assert code == ExitCode.AS_EXPECTED


def test_a_chart_leaves_its_namespace_to_who_installs_it(npol, tmp_path, monkeypatch):
    """Some write it as null: the API server takes that for none."""
    text = POLICY.replace("namespace: shop", "namespace: null")
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart/Chart.yaml").write_text("name: c\n")
    (tmp_path / "helm").write_text(f"#!/bin/sh\n/bin/cat <<'E'\n{text}E\n")
    (tmp_path / "helm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert "2 finding(s)\n" in npol("check", "--helm", "chart")[1]  # NP030 and NP042
    assert "NP005" in npol("check", "p.yaml", p=text)[1]


def test_what_is_rendered_is_never_written(npol, rendered):
    assert "2 finding(s)\n" in npol("check", *rendered, "--fix")[1]


def test_explain_looks_at_what_is_rendered(npol, rendered):
    code, out = npol("explain", "shop/a", *rendered)

    assert "read 1 policy, 1 pod" in out
    assert code == ExitCode.AS_EXPECTED


def test_plan_compares_what_is_rendered_with_manifests(npol, rendered):
    code, out = npol("plan", *rendered, "--against", "old.yaml", old=OLD + POD)

    assert "difference(s)" in out or "no flow opens or closes" in out
    assert code == ExitCode.AS_EXPECTED


def test_document_writes_down_what_is_rendered(npol, rendered):
    code, out = npol("document", *rendered)

    option, path = rendered
    assert f"npol document {option} {path}" in out
    assert "shop" in out
    assert code == ExitCode.AS_EXPECTED


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("check", "--helm", "a", "--kustomize", "b"),
        ("check", ".", "--values", "a"),
        ("explain", "a/b -> c/d:1", ".", "--helm", "a"),
        ("plan", "p.yaml", "--helm", "a", "--against", "p.yaml"),
        ("document", "p.yaml", "--helm", "a"),
        ("document",),
    ],
    ids=" ".join,
)
def test_one_source_is_to_be_named(npol, words):
    with pytest.raises(InputError, match=r"one of|name |--values"):
        npol(*words, p=POLICY)


def test_fix_takes_a_rendering_for_no_file(npol, rendered, tmp_path, tmp_path_factory):
    """A position such as `chart (helm template)` may be the name of a link to anywhere."""
    option, path = rendered
    tool = {"--helm": "helm template", "--kustomize": "kubectl kustomize"}[option]
    theirs = tmp_path_factory.mktemp("outside") / "theirs.yaml"
    theirs.write_text(POLICY)
    (tmp_path / f"{path} ({tool})").symlink_to(theirs)
    (tmp_path / "mine.yaml").write_text(POLICY)

    assert "2 finding(s)\n" in npol("check", option, path, "--fix")[1]
    assert theirs.read_text() == POLICY

    (tmp_path / f"{path} ({tool})").unlink()
    (tmp_path / f"{path} ({tool})").symlink_to("mine.yaml")
    assert "2 finding(s)\n" in npol("check", option, path, "--fix")[1]
    assert (tmp_path / "mine.yaml").read_text() == POLICY


ASKING = """\
version: 1
name: asking
given: [app.yaml]
peers: {web: {namespace: shop, labels: {app: web}}}
steps: [{name: before, flows: [{from: web, to: web, port: 80, expect: allow}]}]
"""


@pytest.mark.parametrize(
    ("option", "story", "said"),
    [
        ("--coverage", ASKING, "coverage: nothing to cover: no step of a story has a policy in"),
        ("--coverage", "", "coverage: nothing to cover: no step of a story has a policy in force"),
        ("--mutate", ASKING, "mutation of asking: nothing to mutate: no step has a policy in"),
        ("--mutate", "", "mutation: nothing to mutate: there is no story"),
    ],
)
def test_nothing_to_exercise_is_told_as_nothing(npol, option, story, said):
    files = {"app": POD.removeprefix("---\n"), **({"a.npol": story} if story else {})}

    code, out = npol("check", option, *(f"{name}.yaml" for name in files), **files)

    assert code == 0
    assert said in out
    assert "%" not in out
