"""What the README promises at first sight."""

import re
import subprocess
import sys

import pytest

from tests.docs.printed import steady
from tests.e2e.conftest import ROOT

EXCERPT = re.compile(r"(?:^ {4}.*\n|^\n)+", re.MULTILINE)


@pytest.mark.lab
@pytest.mark.nightly
def test_the_demo_holds_explains_its_failure_and_ends_with_zero(home):
    command = [sys.executable, str(ROOT / "tools/demo.py")]
    shown_with_records = {k: v for k, v in home.items() if k != "NPOL_FLOW_RECORDS"}
    done = subprocess.run(
        command, env=shown_with_records, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    held, _, failed = done.stdout.partition("\n2. ")
    assert "504" in held
    assert "flows verified by fresh probes" in held
    assert "variants/egress-port-80.yaml:" in failed
    assert "TOO CLOSED" in failed
    assert done.stdout.rstrip().endswith("as it should.")
    _, _, shown = (ROOT / "README.md").read_text().partition("The demo shows")
    excerpts = [steady(e) for e in EXCERPT.findall(shown.partition("\n## ")[0]) if e.strip()]
    assert len(excerpts) == 1
    assert [e for e in excerpts if e not in steady(done.stdout)] == []


def test_help_lists_the_commands_that_the_readme_names(npol_here):
    readme = (ROOT / "README.md").read_text()
    table = set(re.findall(r"^\| `npol (\w+)", readme, re.MULTILINE))
    told = npol_here("--help").stdout.partition("Commands:")[2]
    known = set(re.findall(r"^  (\w+)", told, re.MULTILINE))
    assert table == known


def test_every_command_line_of_the_readme_uses_known_options(npol_here):
    readme = (ROOT / "README.md").read_text()
    lines = re.findall(r"npol \w+ [^`\n|]*--[^`\n|]*", readme)
    assert lines
    for line in lines:
        command, _, rest = line.removeprefix("npol ").partition(" ")
        told = npol_here(command, "--help").stdout
        for option in re.findall(r"--[\w-]+", rest):
            assert option in told, line
