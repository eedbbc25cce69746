"""Paths stay below their root, whatever links say."""

import contextlib

import pytest

from npol_lab.isolation import paths


@pytest.fixture
def place(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root/out").symlink_to(tmp_path / "outside")
    (tmp_path / "root/up").symlink_to("../outside")
    return tmp_path


@pytest.mark.parametrize("path", ["out/made", "up/made", "../outside/made", "/a/../../../made"])
def test_directories_are_made_below_the_root_or_not_at_all(place, path):
    with paths.directory(place / "root") as root, contextlib.suppress(FileNotFoundError):
        paths.make_directories(root, path)

    assert list((place / "outside").iterdir()) == []
    assert not (place / "made").exists()


def test_directories_are_made_on_the_way(place):
    with paths.directory(place / "root") as root:
        paths.make_directories(root, "/a/b//c/")

    assert (place / "root/a/b/c").is_dir()


def test_a_link_at_the_end_is_no_way_out_for_writing(place):
    (place / "outside/file").write_text("theirs")
    (place / "root/file").symlink_to("../outside/file")
    with paths.directory(place / "root") as root, pytest.raises(FileNotFoundError):
        paths.write(root, "file", "ours")

    assert (place / "outside/file").read_text() == "theirs"


@pytest.mark.parametrize(("path", "there"), [("out", False), ("../outside", False), ("", True)])
def test_a_path_outside_of_the_root_does_not_exist(place, path, there):
    assert paths.exists(place / "root", path) is there


def test_what_is_removed_lies_below_the_root(place):
    for where in ("outside", "root/in"):
        (place / where / "kept").mkdir(parents=True)
    for path in ("out/kept", "up/kept", "../outside/kept", "out", "in", "no/such"):
        paths.remove(place / "root", path)

    assert (place / "outside/kept").is_dir()
    assert not (place / "root/in").exists()
