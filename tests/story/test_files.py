"""Files below the root, and nothing else."""

from __future__ import annotations

import os

import pytest

from npol.errors import InputError
from npol.story import files
from npol.story.field_validators import NotValid
from npol.story.repository import repository


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


@pytest.fixture
def checkout(tmp_path):
    """A repository, and beside it what nobody may be shown."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "below").mkdir()
    (tmp_path / "repo" / "below" / "a.npol.yaml").write_text("version: 1\nsteps: []\n")
    (tmp_path / "other" / ".git").mkdir(parents=True)
    (tmp_path / "other" / "secret").write_text("token: 123\n")
    return tmp_path / "repo"


def test_no_name_outside_of_the_root_is_guessed(checkout):
    """Neither whether a file is there nor what its neighbours are called."""
    (checkout / "out").symlink_to("../other")

    for name in ("secre", "secret", "none"):
        with pytest.raises(NotValid, match="is a link to a place outside of the root") as told:
            files.resolve(f"out/{name}", str(checkout), str(checkout))
        assert told.value.hint == ""


OUT = {
    "a-file": ("s.npol.yaml", "../other/secret", "s.npol.yaml"),
    "by-two-links": ("s.npol.yaml", "t/secret", "s.npol.yaml"),
    "a-directory": ("stories", "/etc", "stories/hostname"),
    "another-repository": ("stories", "../other", "stories/secret"),
}


@pytest.mark.parametrize(("link", "target", "path"), OUT.values(), ids=OUT)
def test_a_story_that_a_link_leads_out_of_its_repository_is_refused(link, target, path, checkout):
    (checkout / "t").symlink_to("../other")
    (checkout / link).symlink_to(target)

    with pytest.raises(InputError, match="is a link to a place outside of the root") as told:
        files.story_bytes(str(checkout / path))
    assert told.value.hint == "pass a wider --root"


def test_a_story_may_be_a_link_inside_of_its_repository(checkout):
    (checkout / "s.npol.yaml").symlink_to("below/a.npol.yaml")

    assert files.story_bytes(str(checkout / "s.npol.yaml")).startswith(b"version: 1")


def test_a_given_root_holds_what_stories_may_be_links_to(checkout):
    link = checkout / "s.npol.yaml"
    link.symlink_to("../other/secret")

    assert files.story_bytes(str(link), str(checkout.parent)) == b"token: 123\n"
    link.unlink()
    (checkout / "below" / "b.npol.yaml").symlink_to("../below/a.npol.yaml")
    (checkout / "below" / "c.npol.yaml").symlink_to("../.git")
    narrow = str(checkout / "below")
    assert files.story_bytes(str(checkout / "below/b.npol.yaml"), narrow)
    with pytest.raises(InputError, match="outside of the root"):
        files.story_bytes(str(checkout / "below/c.npol.yaml"), narrow)


def test_a_link_to_a_checkout_is_no_way_out_of_one(checkout, monkeypatch):
    """As git-sync keeps `current`; the story's own paths begin where the link stands."""
    (checkout.parent / "current").symlink_to("repo")
    monkeypatch.chdir(checkout.parent)

    assert files.find_root("current/below/a.npol.yaml") == str(checkout.parent / "current")
    assert files.story_bytes("current/below/a.npol.yaml")


def test_the_links_of_a_volume_stay_inside(tmp_path):
    """A ConfigMap as a kubelet mounts it."""
    (tmp_path / "..2026_11_29").mkdir()
    (tmp_path / "..2026_11_29" / "a.npol.yaml").write_text("version: 1\n")
    (tmp_path / "..data").symlink_to("..2026_11_29")
    (tmp_path / "a.npol.yaml").symlink_to("..data/a.npol.yaml")

    assert files.story_bytes(str(tmp_path / "a.npol.yaml")) == b"version: 1\n"


def test_devices_and_pipes_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for path in ("/dev/zero", str(tmp_path / "pipe")):
        with pytest.raises(NotValid, match="not a regular file: x"):
            files.read_bytes(path, "x")


ODD = ["b\x1b]0;x\x07.yaml", "a\n::error::x.yaml", "a\u202eb.yaml", "a\udcff.yaml"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_refused_where_they_are_found(name, tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / name).write_text("")

    with pytest.raises(NotValid, match="not a valid path"):
        list(files.manifests_in(str(tmp_path), str(tmp_path), "x"))
    with pytest.raises(NotValid, match="not a valid path"):
        repository(str(tmp_path))
    with pytest.raises(InputError, match="not a valid path"):
        files.story_bytes(str(tmp_path / "below" / name))
