"""The shipped stories on a real cluster: they hold, leave nothing, and keep out of others' way."""

from __future__ import annotations

import secrets
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from npol.errors import ExitCode, LockHeld, Refused
from npol.kube.connection import Mode
from npol.kube.objects import LEASES, NAMESPACES, Ref
from npol.run import Options, StoryRun
from npol.run.namespaces import namespaces_of
from tests import shop
from tests.live.conftest import is_gone, wait_until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("journals")]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def nothing_left(connected, journals):
    """Fail unless no object, namespace or journal of a run remains."""
    connection = connected(Mode.READ_ONLY)

    def check(run_id: str, *namespaces: str) -> None:
        for name in namespaces:
            ref = Ref(NAMESPACES, "", name)
            wait_until(partial(is_gone, connection, ref), f"{name} to go")
        assert shop.left(connection, run_id) == []
        assert [f.name for f in journals.glob("*")] == []

    return check


@pytest.fixture
def space():
    return f"npol-live-{secrets.token_hex(4)}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [
        "baseline/baseline",
        "baseline/smoke",
        pytest.param("baseline/extras", marks=pytest.mark.nightly),
        pytest.param("platform/tightened", marks=pytest.mark.nightly),
        pytest.param("platform/triage", marks=pytest.mark.nightly),
        pytest.param("tutorial/exercises", marks=pytest.mark.nightly),
        pytest.param("tutorial/tutorial", marks=pytest.mark.nightly),
        pytest.param("three-tier/three-tier", marks=pytest.mark.nightly),
        pytest.param("webapp/webapp", marks=pytest.mark.nightly),
    ],
)
def test_a_shipped_story_holds_and_leaves_nothing(options, enforced, overlay, nothing_left, name):
    if name != "baseline/smoke" and not enforced:
        pytest.skip("this cluster does not enforce policies: see test_no_engine.py")
    story = shop.read(str(ROOT / "fixtures" / f"{name}.npol.yaml"), overlay)

    report = shop.told(story, options)

    assert shop.wrong(report) == []
    assert (report.error, report.exit_code) == ("", ExitCode.AS_EXPECTED)
    assert [s.name for s in report.steps] == [s.name for s in story.steps]
    nothing_left(report.run_id, *namespaces_of(story.given))


def test_a_pod_that_cannot_start_leaves_nothing(options, nothing_left, tmp_path, space):
    image = "{timeout: 1s, pod: {image: registry.invalid/no-such:1, start_within: 15s}}"
    story = shop.read(shop.write(tmp_path, space, steps="", defaults=image))
    run = StoryRun(story, options)

    with pytest.raises(Refused, match=r"no-such"):
        run.open()

    assert run.report().exit_code == ExitCode.REFUSED
    nothing_left(run.run_id, space)


def test_the_second_story_is_refused_with_the_holder_of_the_namespace(
    options, connected, nothing_left, tmp_path, space
):
    story = shop.read(shop.write(tmp_path, space, steps=""))
    second = StoryRun(story, options)

    with shop.opened(story, options) as first:
        with pytest.raises(LockHeld, match=first.run_id):
            second.open()
        held = connected(Mode.READ_ONLY).get(Ref(LEASES, space, "npol"))
        assert first.run_id in str(held)
        told = first.reach("open")

    assert [f.verdict.value for f in told.flows] == ["as expected"]
    nothing_left(first.run_id, space)
    nothing_left(second.run_id)


@pytest.mark.timeout(300)
def test_two_stories_in_two_namespaces_do_not_disturb_each_other(
    options, enforced, nothing_left, tmp_path, space
):
    spaces = [f"{space}-{letter}" for letter in "ab"]
    steps = shop.DENIES if enforced else ""
    paths = [shop.write(tmp_path / s, s, steps=steps) for s in spaces]

    running = [begun(options, path) for path in paths]
    said = [process.communicate(timeout=240)[0] for process in running]

    assert [p.returncode for p in running] == [0, 0], "\n".join(said)
    for name in spaces:
        nothing_left(name, name)


def begun(options: Options, path: str) -> subprocess.Popen[str]:
    """A run in a process of its own."""
    command = "from npol.cli import main; main()"
    cluster = ["--kubeconfig", options.kubeconfig or "", "--context", options.context]
    return subprocess.Popen(
        [sys.executable, "-c", command, "run", path, "--root", str(Path(path).parent), "--create"]
        + (cluster if options.kubeconfig else cluster[2:]),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
