"""Files of reports: what cannot be written is told before a run, and costs no other file."""

import json
import os
from dataclasses import replace

import pytest

from npol.errors import InputError
from npol.report import write
from npol.report.write import check_directory, check_file, write_files, write_report


@pytest.fixture
def closed(monkeypatch):
    """Nothing may be written, whoever asks."""
    monkeypatch.setattr(os, "access", lambda *_: False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "lost.json").symlink_to("gone/a.json")
    (tmp_path / "led.json").symlink_to("out/a.json")
    return tmp_path


@pytest.mark.parametrize("file", ["a.json", "out/a.json", "file", "led.json", "/dev/null"])
def test_a_file_that_can_be_written_may_be_new_or_led_to(folder, file):
    check_file(file)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("gone/a.json", "gone/a.json: there is no directory gone\n  try: mkdir -p gone"),
        ("go ne/a.json", "mkdir -p 'go ne'"),
        ("lost.json", "lost.json: there is no directory .*/gone\n"),
        ("file/a.json", "there is no directory file"),
        ("out", "out: it is a directory"),
    ],
)
def test_a_file_that_cannot_be_written_says_why(folder, file, said):
    with pytest.raises(InputError) as told:
        check_file(file)

    assert told.match(said)


@pytest.mark.parametrize("check", [check_file, check_directory])
@pytest.mark.parametrize("name", ["a.json", "file", "out/a.json"])
def test_what_may_not_be_written_says_so(folder, closed, check, name):
    with pytest.raises(InputError, match=r"Permission denied|directory"):
        check(name)


def test_a_directory_may_be_made_but_not_below_a_file(folder):
    check_directory("out/of/many")
    assert os.listdir("out") == []

    with pytest.raises(InputError, match=r"file/out: not a directory: .*/file"):
        check_directory("file/out")


def test_a_file_that_cannot_be_written_costs_no_other_one(folder, report):
    with pytest.raises(InputError, match=r"gone/a\.json: No such file or directory"):
        write_files([("gone/a.json", "json"), ("a.json", "json")], [report])

    assert json.loads((folder / "a.json").read_text())["report"]["story"] == "shop"


def test_a_long_name_is_cut_to_what_a_file_s_name_may_have(folder, report):
    write_report("reports", replace(report, story="\N{CJK UNIFIED IDEOGRAPH-65E5}" * 200))

    names = os.listdir("reports")
    assert len(names) == len(write.FILES)
    assert all(report.run_id in name for name in names)


def test_a_directory_that_cannot_be_written_is_told_by_its_file(folder, report):
    with pytest.raises(InputError, match=r"file/shop-.*json: Not a directory|File exists"):
        write_report("file", report)
