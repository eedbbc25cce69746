"""Where a container may make no namespaces, as under Docker's seccomp profile."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.nightly
CONFINED = (
    "import os, sys; from npol_lab.isolation import seccomp; "
    "seccomp.install(); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""Programs that it starts may not call unshare, setns and mount."""
PURE = "tests/test_selectors.py"
IN_A_LAB = "tests/e2e/test_document.py"


def confined(*arguments, **environment):
    """A Python program in such a place."""
    return subprocess.run(
        [sys.executable, "-c", CONFINED, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_place_is_what_it_is_meant_to_be():
    tried = confined("-c", "import subprocess; subprocess.run(['unshare', '-m'], check=True)")

    assert tried.returncode != 0
    assert "not permitted" in tried.stderr


def test_the_demo_foretells_its_stories_and_says_so_first_and_last():
    done = confined("tools/demo.py")

    lines = done.stdout.strip().splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PREDICTION ONLY" in lines[0]
    assert "PREDICTION ONLY" in lines[-1]
    assert "--security-opt seccomp=unconfined" in lines[-1]
    assert "0 flow(s) will fail" in done.stdout
    assert "1 flow(s) will fail" in done.stdout


def test_what_needs_no_lab_is_tested_and_the_rest_is_counted():
    done = confined("-m", "pytest", "-p", "no:cacheprovider", PURE, IN_A_LAB, NPOL_LAB="")

    assert done.returncode == 0, done.stdout[-2000:]
    assert "no lab can be here: the lab cannot make its namespaces" in done.stdout
    assert " passed, " in done.stdout
    assert " skipped" in done.stdout


def test_where_a_lab_is_required_none_is_an_error():
    done = confined("-m", "pytest", "-p", "no:cacheprovider", PURE, IN_A_LAB, NPOL_LAB="required")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "NPOL_LAB=required, and there can be no lab" in done.stdout + done.stderr
