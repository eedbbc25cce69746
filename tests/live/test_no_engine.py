"""A real cluster whose NetworkPolicies nobody enforces: what npol says of it, and what it does."""

from __future__ import annotations

import secrets
import subprocess
import sys
from dataclasses import replace

import pytest

from npol.errors import ExitCode
from npol.kube.connection import Mode
from npol.kube.objects import NAMESPACES, Ref
from npol.run import Options
from tests import shop, unenforced
from tests.live.conftest import wait_until

pytestmark = [pytest.mark.live, pytest.mark.no_engine]


@pytest.fixture(scope="module", autouse=True)
def unenforcing(enforced):
    if enforced:
        pytest.skip("this cluster enforces policies, as a canary proved")


@pytest.fixture
def options(target):
    return Options(kubeconfig=target.kubeconfig, context=target.context, create=True)


@pytest.fixture
def space(connected):
    """A namespace that the story makes, and that is gone in the end."""
    name = f"npol-live-{secrets.token_hex(4)}"
    yield name
    ref, connection = Ref(NAMESPACES, "", name), connected(Mode.READ_ONLY)
    wait_until(lambda: connection.get(ref) is None, f"{name} to go")


def test_doctor_says_that_policies_are_not_enforced_and_how_it_knows(options, capsys):
    unenforced.doctor_says_so(options, capsys)


def test_a_story_with_denies_is_refused(options, connected, tmp_path, space):
    report = unenforced.denies_are_refused(options, tmp_path, space)

    assert shop.left(connected(Mode.READ_ONLY), report.run_id) == []


def test_pytest_ends_the_session(options, target, tmp_path, space):
    story = shop.write(tmp_path, space)
    where = ["--kubeconfig", str(target.kubeconfig), "--kube-context", target.context]

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *where, "--npol-create", story],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == ExitCode.REFUSED, ran.stdout + ran.stderr
    assert "NetworkPolicies are not enforced here" in ran.stdout
    assert "1 passed" in ran.stdout


def test_a_story_without_policies_passes(options, tmp_path, space):
    unenforced.without_policies_it_passes(options, tmp_path, space)


def test_assumed_enforcement_makes_denies_too_open(options, tmp_path, space):
    unenforced.assumed_denies_are_too_open(replace(options, assume_enforced=True), tmp_path, space)
