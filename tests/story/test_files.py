"""Files below the root, and nothing else."""

from __future__ import annotations

import os

import pytest

from npol.story import files
from npol.story.field_validators import NotValid


def test_a_directory_with_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 10)
    for n in range(11):
        (tmp_path / f"{n}.txt").touch()

    with pytest.raises(NotValid, match="x holds more than 10 files"):
        list(files.manifests_in(str(tmp_path), str(tmp_path), "x"))


def test_a_directory_of_too_many_levels_is_refused(tmp_path):
    deep = tmp_path.joinpath(*("d" * (files.MAX_LEVELS + 1)))
    deep.mkdir(parents=True)

    with pytest.raises(NotValid, match="x is nested deeper than 16 directories"):
        list(files.manifests_in(str(tmp_path), str(tmp_path), "x"))


def test_links_to_directories_are_not_followed(tmp_path):
    (tmp_path / "a.yaml").touch()
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)

    found = list(files.manifests_in(str(tmp_path), str(tmp_path), "x"))
    assert found == [str(tmp_path / "a.yaml")]


def test_a_link_that_replaces_a_file_after_it_was_resolved_is_not_opened(tmp_path):
    (tmp_path / "a.yaml").symlink_to("/etc/hosts")

    with pytest.raises(NotValid, match="a cannot be read: too many levels of symbolic links"):
        files.read_bytes(str(tmp_path / "a.yaml"), "a")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "a.yaml"
    path.touch()
    os.truncate(path, 5_000_001)

    with pytest.raises(NotValid, match="a is larger than 5 MB"):
        files.read_bytes(str(path), "a")


def test_the_root_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.yaml").touch()
    (tmp_path / "root").symlink_to("real")
    root = str(tmp_path / "root")

    assert files.resolve("a.yaml", root, root) == str(tmp_path / "real" / "a.yaml")


@pytest.mark.parametrize("path", ["", "a\0b", "a\nb", "a\x1bb"])
def test_odd_paths_are_refused(path, tmp_path):
    with pytest.raises(NotValid, match="not a valid path"):
        files.resolve(path, str(tmp_path), str(tmp_path))
