"""Stories on the command line: files, directories, and what is none."""

from __future__ import annotations

import pytest

from npol.cli.story_files import load_stories, story_files
from npol.errors import InputError, worst


def test_a_directory_stands_for_the_stories_below_it(tmp_path):
    for name in ("b.npol.yaml", "a.npol.yml", "below/c.npol.yaml", "manifest.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    found = story_files([str(tmp_path / "b.npol.yaml"), str(tmp_path)])

    names = [name.removeprefix(f"{tmp_path}/") for name in found]
    assert names == ["b.npol.yaml", "a.npol.yml", "below/c.npol.yaml"]


def test_a_directory_without_stories_is_refused(tmp_path):
    with pytest.raises(InputError, match="no story lies below it"):
        story_files([str(tmp_path)])


def test_a_manifest_is_told_from_a_story(tmp_path):
    file = tmp_path / "app.yaml"
    file.write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n")

    with pytest.raises(
        InputError, match=r"app.yaml is a Kubernetes manifest \(Deployment\)"
    ) as told:
        load_stories([str(file)], root=None, overlay=None)
    assert f"npol init --from-manifests {file}" in told.value.hint


@pytest.mark.parametrize(
    ("codes", "together"),
    [([0, 0], 0), ([0, 3, 1], 1), ([1, 6, 143], 6), ([1, 130], 130), ([4, 1], 4), ([70, 1], 70)],
)
def test_several_runs_end_with_the_worst_code(codes, together):
    assert worst(codes) == together


def test_what_a_volume_keeps_behind_its_links_is_no_second_story(tmp_path):
    """A ConfigMap as a kubelet mounts it: `a` leads to `..data/a`, that to a folder with a date."""
    (tmp_path / "..2026_11_29").mkdir()
    (tmp_path / "..2026_11_29/a.npol.yaml").write_text("")
    (tmp_path / "..data").symlink_to("..2026_11_29")
    (tmp_path / "a.npol.yaml").symlink_to("..data/a.npol.yaml")

    assert story_files([str(tmp_path)]) == [str(tmp_path / "a.npol.yaml")]
