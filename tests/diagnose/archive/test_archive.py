"""The archive itself: its owner's alone, never over another file, bounded, repeatable."""

from __future__ import annotations

import os
import stat
import tarfile

import pytest

from npol.diagnose.archive import ArchiveEntry, archive, check_new, write_archive
from npol.errors import InputError

PIECES = [
    ArchiveEntry(name="npol/b.json", data=b"[]"),
    ArchiveEntry(name="npol/a.json", data=b"{}"),
]


def names(path):
    with tarfile.open(path) as tar:
        return tar.getnames()


def test_the_archive_is_its_owners_alone(tmp_path):
    path = tmp_path / "found.tar.gz"
    before = os.umask(0)
    try:
        write_archive(str(path), PIECES)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(path) == ["npol/a.json", "npol/b.json"]


def test_the_same_pieces_make_the_same_archive(tmp_path):
    one, other = tmp_path / "one.tar.gz", tmp_path / "other.tar.gz"
    write_archive(str(one), PIECES)
    write_archive(str(other), reversed(PIECES))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("kind", ["file", "dangling link", "directory"])
def test_an_existing_archive_is_not_overwritten(tmp_path, kind):
    path = tmp_path / "found.tar.gz"
    if kind == "file":
        path.write_text("mine")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="not overwritten"):
        check_new(str(path))
    with pytest.raises(InputError, match="not overwritten"):
        write_archive(str(path), PIECES)
    assert not (tmp_path / "elsewhere").exists()
    assert kind != "file" or path.read_text() == "mine"


def test_a_place_that_is_not_there_is_told_beforehand(tmp_path):
    with pytest.raises(InputError, match="cannot write to directory"):
        check_new(str(tmp_path / "no" / "found.tar.gz"))


def test_entries_beyond_the_archives_limit_are_left_out_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST", 10)
    path = tmp_path / "found.tar.gz"
    left_out = write_archive(str(path), [*PIECES, ArchiveEntry(name="npol/aa.log", data=b"x" * 9)])
    assert left_out == ["npol/aa.log"]
    assert names(path) == ["npol/a.json", "npol/b.json", "LEFT-OUT.txt"]
    with tarfile.open(path) as tar:
        assert b"npol/aa.log" in tar.extractfile("LEFT-OUT.txt").read()
