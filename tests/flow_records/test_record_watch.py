"""Where a run's records come from."""

from __future__ import annotations

import threading
import time

import pytest

from npol.errors import InputError
from npol.flow_records.record_watch import FileWatch, watch
from npol.model.story import Protocol
from tests.flow_records.test_hubble import SAMPLES, lines


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "records.jsonl"
    file.write_text((SAMPLES / "observe.jsonl").read_text())
    return file


def came(watching: FileWatch, done) -> bool:
    news = threading.Condition()

    def notify(_) -> None:
        with news:
            news.notify_all()

    stop = watching.store.listen(notify)
    until = time.monotonic() + 30.0
    with news:
        while not (found := done(watching.store)) and time.monotonic() < until:
            news.wait(0.05)  # of a line that is no record nobody is told
    stop()
    return found


def test_a_file_is_followed_while_it_grows(file):
    watching = FileWatch(str(file))
    with file.open("a") as out:
        out.write("no record\n" + "\n".join(lines("told.jsonl")) + "\n")

    assert came(watching, lambda s: s.of_probe(Protocol.TCP, "10.0.0.1", 20034, 0.0))
    assert not watching.store.of_probe(Protocol.TCP, "10.244.0.47", 20011, 0.0)
    watching.close()
    assert watching.notes() == [
        f"flow records: {file}: 1 of 12 lines are no flow records of Hubble "
        "(the first: not JSON); `hubble observe -o jsonpb` prints them",
        f"flow records: {file}: Hubble lost 319 records",
    ]


def test_off_is_nowhere():
    assert watch("off", None) is None


def test_the_environment_says_what_auto_is(monkeypatch, tmp_path):
    file = tmp_path / "records.jsonl"
    file.touch()
    monkeypatch.setenv("NPOL_FLOW_RECORDS", "off")
    assert watch("auto", None) is None

    monkeypatch.setenv("NPOL_FLOW_RECORDS", str(file))
    watching = watch("auto", None)
    assert isinstance(watching, FileWatch)
    watching.close()


def test_what_is_said_to_a_command_goes_before_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NPOL_FLOW_RECORDS", str(tmp_path / "none.jsonl"))

    assert watch("off", None) is None


def test_a_file_that_is_not_there_is_an_error_of_input(tmp_path):
    with pytest.raises(InputError, match=r"flow records: .*x\.jsonl: No such file"):
        watch(str(tmp_path / "x.jsonl"), None)
