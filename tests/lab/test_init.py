"""Process 1 of a lab."""

import subprocess
import sys

import pytest

from tests.lab.test_session import ROOT

WRITES_ON = """
import itertools, os, sys
from pathlib import Path
from npol_lab.init import keep

directory, (lifeline, held) = Path(sys.argv[1]), os.pipe()

def run(keeper):
    for number in itertools.count():
        (directory / str(number % 50)).touch()
        if number == 100:
            (directory / "begun").touch()

def forget():
    for entry in directory.iterdir():
        entry.unlink(missing_ok=True)
    directory.rmdir()

if os.fork():
    os.close(held)
    sys.exit(keep(run, (lifeline,), forget))
while not (directory / "begun").exists():
    pass
"""


@pytest.mark.lab
def test_what_is_forgotten_is_not_written_again(tmp_path):
    """The lab's processes write for as long as they live."""
    directory = tmp_path / "lab"
    directory.mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]

    done = subprocess.run(
        [*inside, sys.executable, "-c", WRITES_ON, str(directory)],
        env={"PYTHONPATH": f"{ROOT}/harness"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert not directory.exists()
