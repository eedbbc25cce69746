"""Output that nobody reads to its end: `npol run STORY | head -1`."""

import pytest

from tests.e2e.conftest import ROOT
from tests.e2e.shop import write_shop

BASELINE = ROOT / "fixtures/baseline/baseline.npol.yaml"
MANIFESTS = ROOT / "fixtures/baseline/infra/manifests"


@pytest.mark.parametrize(
    "command",
    [
        ("plan", BASELINE),
        ("check", BASELINE),
        ("explain", "backend-dev/allow-from-frontend", MANIFESTS),
        ("doctor", "--rbac", "apply", "-n", "shop"),
        ("--version",),
    ],
    ids=lambda command: command[0],
)
def test_a_command_with_a_closed_output_ends_silently(unread, command):
    assert unread(*command, lines=0) == (141, "")


@pytest.mark.lab
def test_a_lab_whose_reader_goes_ends_silently(unread):
    assert unread("lab", lines=0) == (141, "")


@pytest.mark.lab
def test_a_run_in_a_lab_ends_silently_with_its_lab(unread, tmp_path):
    assert unread("run", write_shop(tmp_path), lines=1) == (141, "")
