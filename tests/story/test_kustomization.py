"""What a kustomization may name: files and directories below the root, nothing that is fetched."""

from __future__ import annotations

import os
import shutil

import pytest

from npol.story import files, survey_source
from npol.story.field_validators import NotValid
from npol.story.kustomization import KustomizationReader

REMOTE = "http://127.0.0.1:9/a.yaml"
GIT = "file:///tmp/r?ref=--upload-pack=/tmp/evil.sh"
PLUGIN = "{apiVersion: builtin, kind: PatchTransformer, metadata: {name: a}, path: URL}"


@pytest.fixture
def refused(write):
    """Why the kustomization in `k` is not rendered, "" if it is."""

    def told(texts: dict[str, str]) -> str:
        root = write({"k/p.yaml": "", **texts})
        try:
            reader = KustomizationReader(root=os.path.realpath(root), label_of=os.path.relpath)
            reader.read(str(root / "k"))
        except NotValid as error:
            return str(error).replace(os.path.realpath(root), "ROOT")
        return ""

    return told


@pytest.mark.parametrize(
    "text",
    [
        "resources: [URL]",
        "bases: [URL]",
        "components: [URL]",
        "transformers: [URL]",
        "generators: [URL]",
        "validators: [URL]",
        "crds: [URL]",
        "configurations: [URL]",
        "patches: [URL]",
        "patches: [{path: URL}]",
        "patchesStrategicMerge: [URL]",
        "patchesJson6902: [{target: {kind: Pod}, path: URL}]",
        "replacements: [{path: URL}]",
        "openapi: {path: URL}",
        "configMapGenerator: [{name: a, files: [k=URL]}]",
        "configMapGenerator: [{name: a, env: URL}]",
        "secretGenerator: [{name: a, envs: [URL]}]",
        "re\u017fources: [URL]",  # Go's JSON takes it for an s
        "RESOURCES: [URL]",
    ],
)
@pytest.mark.parametrize(
    "url", [REMOTE, GIT, "http:/127.0.0.1/a", "http:/a/?b=c", "git@github.com:a/b"]
)
def test_an_address_is_refused_at_every_key(text, url, refused):
    said = refused({"k/kustomization.yaml": f"# one\n{text.replace('URL', url)}\n"})

    column = text.replace("k=", "").index("URL") + 1
    assert said.startswith(f"k/kustomization.yaml:2:{column} names '")
    assert said.endswith("which would have to be fetched")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("helmCharts: [{name: a, repo: 'https://a'}]", "1:1 has a chart fetched"),
        ("resources: [absent.yaml]", "1:13 names 'absent.yaml', which is not there"),
        ("resources: [github.com/a/b]", "1:13 names 'github.com/a/b', which is not there"),
        ("resources: [../..]", "1:13 names '../..', which is outside of the root ROOT"),
        ("resources: [/etc]", "1:13 names '/etc', which is outside of the root ROOT"),
        ("configMapGenerator: [{files: [../.git/config]}]",
         "1:31 names '../.git/config', which is outside of the root ROOT"),
        ("resources: [p.yaml]\n---\nbases: [https://a.test]",
         "3:9 names 'https://a.test', which would have to be fetched"),
        ("a: &a {resources: [https://a.test]}\n<<: *a",
         "1:1 names 'https://a.test', which would have to be fetched"),
        ("resources: [!!binary aHR0cHM6Ly9hLnRlc3Q=]",
         "1:13 names 'https://a.test', which would have to be fetched"),
        ("configMapGenerator: [{envs: ['http://a.test/?x=p.yaml']}]",
         "1:30 names 'http://a.test/?x=p.yaml', which would have to be fetched"),
        ("patchesStrategicMerge: ['http://a.test/: x']",
         "1:25 names 'http://a.test/: x', which would have to be fetched"),
        (f'transformers: ["{PLUGIN.replace("URL", "https://a.test")}"]',
         "1:16 names 'https://a.test', which would have to be fetched"),
        ("resources: [a", "2:1: not YAML: did not find expected ',' or ']'"),
    ],
)  # fmt: skip
def test_it_is_told_where_what_cannot_be_taken_stands(text, why, refused):
    said = refused({"k/kustomization.yaml": text, ".git/config": ""})

    assert said.removeprefix("k/kustomization.yaml:") == why


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_kustomizations_below_it_are_looked_at_too(name, refused):
    nested = {
        "k/kustomization.yaml": "components: [../b]\n",
        f"b/{name}": "kind: Component\nresources: [c]\n",
        f"b/c/{name}": f"resources: [{REMOTE}]\n",
    }

    assert refused(nested).startswith(f"b/c/{name}:1:13 names")


@pytest.mark.parametrize("key", ["transformers", "generators", "validators"])
def test_plugins_in_files_and_lists_of_them_are_looked_at(key, refused):
    plugin = {"k/t.yaml": f"# {key}\n---\n{PLUGIN.replace('URL', REMOTE)}\n"}
    listed = {"k/t/kustomization.yaml": "resources: [../t.yaml]\n"}
    why = f"k/t.yaml:3:74 names '{REMOTE}', which would have to be fetched"

    assert refused({"k/kustomization.yaml": f"{key}: [t.yaml]\n", **plugin}) == why
    assert refused({"k/kustomization.yaml": f"{key}: [t]\n", **plugin, **listed}) == why
    assert not refused({"k/kustomization.yaml": "resources: [t.yaml]\n", **plugin})


@pytest.mark.parametrize("place", ["../.git/config", "x=../.git/config", "link"])
def test_plugins_read_nothing_outside_of_the_root(place, refused, write):
    """Their paths are relative to the kustomization that names them, in a list of them, too."""
    plugin = PLUGIN.replace("path: URL", f"files: [{place}]")
    root = write({".git/config": "", "k/t/t.yaml": plugin})
    (root / "k/link").symlink_to("../.git")
    listed = {"k/t/kustomization.yaml": "resources: [t.yaml]\n"}
    why = f"k/t/t.yaml:1:76 names '{place}', which is outside of the root ROOT"

    assert refused({"k/kustomization.yaml": "generators: [t/t.yaml]\n"}) == why
    assert refused({"k/kustomization.yaml": "generators: [t]\n", **listed}) == why


def test_a_list_of_plugins_changes_none_of_them(refused):
    """It could put an address together."""
    made = {
        "k/kustomization.yaml": "transformers: [t]\n",
        "k/t/kustomization.yaml": "resources: [t.yaml]\nreplacements: [{}]\n",
        "k/t/t.yaml": "",
    }

    assert refused(made) == (
        "k/t/kustomization.yaml:2:1 has 'replacements' where plugins are listed, beside `resources`"
    )


def test_links_are_followed_to_where_they_lead(refused, write, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    root = write({"k/kustomization.yaml": "resources: [b]\n", "c/kustomization.yaml": ""})
    (root / "k/b").symlink_to(outside)
    assert refused({}) == "k/kustomization.yaml:1:13 names 'b', which is outside of the root ROOT"

    (root / "k/b").unlink()
    (root / "k/b").symlink_to(root / "c")
    assert not refused({"c/kustomization.yaml": ""})
    assert refused({"c/kustomization.yaml": "bases: [x]"}).startswith("c/kustomization.yaml:1:9")


def test_there_is_a_limit_to_what_is_taken(refused, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 2)
    chain = {f"{n}/kustomization.yaml": f"resources: [../{n + 1}]\n" for n in range(3)}
    first = {"k/kustomization.yaml": "resources: [../0]\n"}

    assert refused({**first, **chain, "3/a": ""}) == "more than 2 files are taken here"


ALL = {
    "k/kustomization.yaml": """\
resources: [p.yaml, ../b]
components: [c]
namePrefix: dev-
commonAnnotations: {docs: 'https://a.test/path'}
images: [{name: a, newName: 'a.test:5000/b'}]
configMapGenerator:
- {name: a, literals: ['URL=https://a.test'], files: [x=a.txt, a.txt], envs: [e]}
patches:
- {patch: '- {op: add, path: /metadata/annotations/a, value: https://a.test}', target: {name: a}}
- path: j.yaml
patchesStrategicMerge: ['{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {b: c}}}']
transformers:
- t.yaml
- |
  apiVersion: builtin
  kind: PrefixTransformer
  metadata: {name: p}
  prefix: a-
  fieldSpecs: [{path: metadata/name}]
""",
    "k/p.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {path: 'https://a'}}}",
    "k/j.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {c: d}}}",
    "k/t.yaml": """\
apiVersion: builtin
kind: LabelTransformer
metadata: {name: l}
labels: {a: b}
fieldSpecs: [{path: metadata/labels, create: true}]
""",
    "k/a.txt": "https://a.test",
    "k/e": "A=b",
    "k/c/kustomization.yaml": "{apiVersion: kustomize.config.k8s.io/v1alpha1, kind: Component, "
    "labels: [{pairs: {x: z}}]}",
    "b/kustomization.yaml": "resources: [q.yaml]",
    "b/q.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: b}}",
}


def test_what_lies_there_is_taken(refused):
    assert not refused(ALL)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
def test_kubectl_itself_renders_what_is_taken(write):
    found = survey_source({"kustomize": "k"}, str(write(ALL)))

    assert {m.name for m in found.manifests} >= {"a-dev-a", "a-dev-b"}
