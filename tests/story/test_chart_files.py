"""What templates may read of a machine: the chart's own files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from npol.errors import Mistakes
from npol.story import chart_files, kustomize_helm, survey_source
from npol.story.chart_files import refuse_links_out, without_git
from npol.story.field_validators import NotValid

needs_helm = pytest.mark.skipif(not shutil.which("helm"), reason="needs helm 3")
needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
READS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop, annotations: {a: {{ .Files.Get "FILE" | quote }}}}
spec: {podSelector: {}}
"""
CHART = {
    "c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "c/templates/p.yaml": READS.replace("FILE", "a"),
    "c/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
    "shared/b": "of the repository",
}


@pytest.fixture
def root(write) -> Path:
    return write(CHART)


@pytest.fixture
def outside(tmp_path_factory) -> Path:
    """A file with a secret that is not below the root."""
    file = tmp_path_factory.mktemp("home") / "config"
    file.write_text("sekrit")
    return file


@pytest.mark.parametrize("link", ["a", ".hidden", "charts/sub/a", "charts/linked", "templates/x"])
def test_a_link_out_of_the_root_is_refused_by_its_name(link, root, outside):
    (root / "c" / link).symlink_to(outside)

    with pytest.raises(Mistakes) as caught:
        survey_source({"helm": "c"}, str(root))
    assert str(caught.value) == (
        f"c:1:1: '{link}' in 'c' is a link to a place outside of the root {root}"
        " - put the file itself there"
    )


def test_links_are_followed_to_other_links(root, outside):
    (root / "shared/again").symlink_to(outside)
    (root / "c/a").symlink_to(root / "shared")

    with pytest.raises(NotValid, match=r"^'\.\./shared/again' in 'c' is a link to a place outside"):
        refuse_links_out(str(root / "c"), str(root), "c")


@pytest.mark.parametrize("place", ["../.git", "../.git/config", "../.git/absent"])
def test_a_link_to_what_is_gits_own_is_refused(place, root, write):
    write({".git/config": "token"})
    (root / "c/a").symlink_to(place)

    with pytest.raises(NotValid, match=r"^'a' in 'c' is a link to a place outside of the root"):
        refuse_links_out(str(root / "c"), str(root), "c")


def test_a_link_to_the_repository_leads_to_what_is_gits_own(root, write):
    write({".git/config": "token"})
    (root / "c/a").symlink_to("..")

    with pytest.raises(NotValid, match=r"^a link in 'c' leads to '\.\./\.git'"):
        refuse_links_out(str(root / "c"), str(root), "c")


def test_links_below_the_root_are_taken(root):
    (root / "c/a").symlink_to("../shared/b")
    (root / "c/self").symlink_to(".")

    refuse_links_out(str(root / "c"), str(root), "c")


def test_there_is_a_limit_to_what_is_looked_at(root, monkeypatch):
    monkeypatch.setattr(chart_files, "MAX_ENTRIES", 3)

    with pytest.raises(NotValid, match=r"^'c' holds more than 3 files$"):
        refuse_links_out(str(root / "c"), str(root), "c")


def test_a_repository_that_is_a_chart_is_read_without_git(root, write):
    write({"c/.git/config": "token"})

    refuse_links_out(str(root / "c"), str(root), "c")
    with without_git(str(root / "c")) as folder:
        assert sorted(os.listdir(folder)) == ["Chart.yaml", "charts", "templates"]
        assert Path(folder, "Chart.yaml").read_text() == CHART["c/Chart.yaml"]
    assert (root / "c/.git/config").exists()


@needs_helm
@pytest.mark.parametrize(
    ("file", "told"), [("a", "of the repository"), (".git/config", ""), ("absent", "")]
)
def test_helm_itself_reads_what_is_left(file, told, write):
    template = READS.replace("FILE", file)
    root = write({**CHART, "c/.git/config": "token", "c/templates/p.yaml": template})
    (root / "c/a").symlink_to("../shared/b")
    (found,) = survey_source({"helm": "c"}, str(root)).manifests

    assert found.body["metadata"]["annotations"]["a"] == told


@needs_kubectl
@pytest.mark.parametrize("key", ["files", "envs"])
def test_kustomize_itself_reads_no_file_beside_a_kustomization(key, write, outside):
    """By whatever key: asked without npol's own look at it."""
    generator = (
        "{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: a}, KEY: [link]}"
    ).replace("KEY", key)
    root = write({"k/kustomization.yaml": "generators: [g.yaml]\n", "k/g.yaml": generator})
    (root / "k/link").symlink_to(outside)

    with pytest.raises(NotValid, match="is not in or below"):
        kustomize_helm.kustomize(str(root / "k"), "k")


@needs_kubectl
def test_variables_without_a_value_are_not_taken_from_npol(write, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "sekrit")
    generator = "configMapGenerator: [{name: a, envs: [e]}]\n"
    root = write({"k/kustomization.yaml": generator, "k/e": "GITHUB_TOKEN\n"})
    (found,) = survey_source({"kustomize": "k"}, str(root)).manifests

    assert found.body["data"] == {"GITHUB_TOKEN": ""}
