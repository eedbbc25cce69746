"""Files and streams that are read while they grow."""

from __future__ import annotations

import os

import pytest

from npol.errors import InputError
from npol.flow_records import tail as module
from npol.flow_records.tail import LineSplitter, Tail


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "events.log"
    file.write_text("old\n")
    return file


def append(file, text: str) -> None:
    with file.open("a") as out:
        out.write(text)


def lines(tail: Tail) -> list[bytes]:
    return list(tail.read(wait=1.0))


def test_a_file_is_read_from_where_it_ends_at_the_start(file):
    tail = Tail(str(file))

    append(file, "one\ntwo\nthr")
    assert lines(tail) == [b"one", b"two"]

    append(file, "ee\n\n")
    assert lines(tail) == [b"three"]
    assert lines(tail) == []


def test_a_file_may_be_read_from_its_start(file):
    assert lines(Tail(str(file), from_start=True)) == [b"old"]


def test_a_line_that_was_being_written_at_the_start_is_passed_over(file):
    append(file, "half a li")
    tail = Tail(str(file))

    append(file, "ne\nwhole\n")

    assert lines(tail) == [b"whole"]


def test_a_rotated_file_is_read_to_its_end_and_then_the_new_one(file, tmp_path):
    tail = Tail(str(file))

    append(file, "last of the old\n")
    file.rename(tmp_path / "events.log.1")
    assert lines(tail) == [b"last of the old"]
    append(tmp_path / "events.log.1", "written late\n")
    file.write_text("first of the new\n")

    assert lines(tail) == [b"written late", b"first of the new"]


def test_a_truncated_file_is_read_from_its_start(file):
    tail = Tail(str(file))
    append(file, "a long line of the old\nhalf")
    lines(tail)

    file.write_text("new\n")

    assert lines(tail) == [b"new"]


def test_a_pipe_is_read_as_it_is_written_and_to_its_end(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    tail = Tail(str(path))
    writer = os.open(path, os.O_WRONLY)

    os.write(writer, b"one\ntw")
    assert lines(tail) == [b"one"]
    os.write(writer, b"o")
    os.close(writer)

    assert [*lines(tail), *lines(tail)] == [b"two"]
    assert tail.ended


def test_standard_input_is_a_stream(monkeypatch):
    ours, theirs = os.pipe()
    monkeypatch.setattr(Tail, "_open", lambda _: ours)
    tail = Tail("-")

    os.write(theirs, b"one\n")
    assert lines(tail) == [b"one"]
    os.close(theirs)
    assert (lines(tail), tail.ended) == ([], True)
    os.close(ours)


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(module, "LONGEST_LINE", 10)
    splitter = LineSplitter()

    assert list(splitter.feed(b"x" * 11)) == [b"x" * 11]
    assert list(splitter.feed(b"y\nz\n")) == [b"y", b"z"]


def test_what_cannot_be_read_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"flow records: .*missing: No such file"):
        Tail(str(tmp_path / "missing"))
    with pytest.raises(InputError, match="is a directory"):
        Tail(str(tmp_path))
