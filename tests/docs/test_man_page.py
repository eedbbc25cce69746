"""The man page: man reads it without a complaint, and it has every command and exit code."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from npol.cli.app import COMMANDS
from npol.errors import ExitCode

PAGE = Path(__file__).parents[2] / "man/npol.1"
REQUEST = re.compile(r"^[.'](?!(?:TH|SH|SS|TP|P|B|RS|RE|nf|fi)\b)", re.MULTILINE)
"""A line that man takes for a command, and is none of those that are meant."""


def test_every_command_and_exit_code_is_there():
    text = PAGE.read_text()

    assert re.findall(r"^\.SS npol (\w+)", text, re.MULTILINE) == list(COMMANDS)
    codes = text.partition(".SH EXIT STATUS")[2].partition(".SH ENVIRONMENT")[0]
    assert re.findall(r"^\.B (\d+)$", codes, re.MULTILINE) == [str(int(c)) for c in ExitCode]


def test_no_text_is_taken_for_a_command_of_man():
    assert REQUEST.findall(PAGE.read_text()) == []


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_man_reads_it_without_a_complaint():
    command = ("groff", "-man", "-Tutf8", "-ww", str(PAGE))
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert "--shard" in re.sub(r".\x08", "", done.stdout)  # bold is printed twice
