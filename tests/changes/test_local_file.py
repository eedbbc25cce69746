import errno
import os
import stat

import pytest

from npol.changes.journal.codec import written
from npol.changes.journal.local_file import LocalFile, read, remove_empty, runs, state_directory
from npol.changes.journal_types import Left
from npol.errors import Refused

LINE = written(1, Left(steps=("one",)))


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "npol" / "runs"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_appended_lines_are_read(directory):
    file = LocalFile.create("r1", directory)

    file.append([LINE])

    assert read("r1", directory) == {1: LINE}
    assert runs(directory) == ["r1"]
    file.remove()
    assert runs(directory) == []
    file.close()


def test_only_its_user_may_look(directory):
    file = LocalFile.create("r1", directory)

    assert mode(directory) == 0o700
    assert mode(file.path) == 0o600
    file.close()


def test_a_directory_that_others_may_read_is_closed_to_them(directory):
    directory.mkdir(parents=True, mode=0o755)

    LocalFile.create("r1", directory).close()

    assert mode(directory) == 0o700


def test_links_are_not_followed(directory, tmp_path):
    directory.mkdir(parents=True)
    (directory / "r1.jsonl").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused):
        LocalFile.create("r1", directory)

    assert read("r1", directory) == {}
    assert not (tmp_path / "elsewhere").exists()


def test_a_linked_directory_is_refused(directory, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    directory.parent.mkdir()
    directory.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused, match="not a directory of this user"):
        LocalFile.create("r1", directory)


def test_one_run_has_one_file(directory):
    LocalFile.create("r1", directory).close()

    with pytest.raises(Refused, match="File exists"):
        LocalFile.create("r1", directory)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(Refused, match=r"cannot be written[\s\S]*XDG_STATE_HOME"):
        LocalFile.create("r1", tmp_path / "file" / "runs")


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_refused(directory, monkeypatch, call):
    file = LocalFile.create("r1", directory)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(Refused, match="No space left on device"):
        file.append([LINE])
    monkeypatch.undo()
    file.close()


def test_a_short_write_is_continued(directory, monkeypatch):
    file = LocalFile.create("r1", directory)
    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, data[:7]))

    file.append([LINE])

    assert read("r1", directory) == {1: LINE}
    file.close()


def test_an_empty_file_of_a_dead_run_is_removed_and_no_other(directory):
    LocalFile.create("dead", directory).close()
    living = LocalFile.create("living", directory)
    written_to = LocalFile.create("written", directory)
    written_to.append([LINE])
    written_to.close()

    remove_empty(directory)

    assert runs(directory) == ["living", "written"]
    living.close()


def test_the_state_directory_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_directory() == tmp_path / "npol" / "runs"

    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", "/home/ann")
    assert str(state_directory()) == "/home/ann/.local/state/npol/runs"
