"""Two shards at once, each by a process of its own, tell what one run tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from npol.cli.report import in_one
from npol.kube.kubeconfig import options_of
from npol.report.compare import differences
from npol.report.json import reports_of_log

pytestmark = [pytest.mark.live, pytest.mark.nightly, pytest.mark.usefixtures("journals")]

ROOT = Path(__file__).parents[2]
STORIES = ("fixtures/webapp", "fixtures/first-steps", "fixtures/three-tier")
APART = ("0/2", "1/2")


def begun(target, *options: str) -> subprocess.Popen[str]:
    where = options_of(target.kubeconfig, target.context).split()
    words = ("run", *STORIES, *where, "--create", "--report", "-", *options)
    return subprocess.Popen(
        [sys.executable, "-m", "npol", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen[str]) -> list:
    log, _ = process.communicate(timeout=400)
    found = reports_of_log(log)
    assert found is not None, log
    assert process.returncode == 0, log
    return found


def without_time(results):
    return [(r.step, r.name, r.verdict) for r in results]


@pytest.mark.timeout(900)
def test_two_shards_tell_the_same_as_one_run(target, enforced):
    if not enforced:
        pytest.skip("this cluster does not enforce policies")
    both = [begun(target, "--shard", part) for part in APART]
    parts = {part: told(process) for part, process in zip(APART, both, strict=True)}
    whole = told(begun(target))

    merged = in_one(parts)
    assert all(parts.values())
    assert [r.path for r in merged] == sorted(r.path for r in whole)
    for one in whole:
        (other,) = (r for r in merged if r.path == one.path)
        assert without_time(one.results) == without_time(other.results)
        assert [d for d in differences(one, other) if d.now is None or d.before is None] == []
