"""Several workers of pytest-xdist on one cluster."""

import pytest

from tests.e2e.shop import STEPS, write_shop

pytestmark = [pytest.mark.nightly, pytest.mark.lab, pytest.mark.timeout(600)]
OTHER = "no:cacheprovider"


def text(result):
    return f"{result.stdout}\n{result.stderr}"


def test_stories_that_make_the_same_namespace_take_turns(shop, named, server):
    for number in range(3):
        write_shop(shop.path / f"story{number}", STEPS)
    (shop.path / "shop.npol.yaml").unlink()

    result = shop.runpytest_subprocess(*named, "-n3", "-p", OTHER)

    result.assert_outcomes(passed=15)
    assert "shop" not in server.names("/api/v1/namespaces")


def test_stories_in_namespaces_of_their_own_run_at_once(shop, named):
    """Each meets the other between its first step and its last."""
    shop.makeconftest(MEETING)
    for name in ("one", "two"):
        write_shop(shop.path / name, STEPS)
        for file in (shop.path / name).iterdir():
            file.write_text(file.read_text().replace("shop", name))
            file.rename(file.with_name(file.name.replace("shop", name)))
    (shop.path / "shop.npol.yaml").unlink()

    result = shop.runpytest_subprocess(*named, "-n2", "-p", OTHER)

    result.assert_outcomes(passed=10)


MEETING = """
import pathlib
import time
from npol.run import StoryRun

opened = StoryRun.open

def open_and_meet(run):
    opened(run)
    here = pathlib.Path(__file__).parent
    (here / f"{run.story.name}.met").touch()
    until = time.monotonic() + 60
    while len(list(here.glob("*.met"))) < 2:
        assert time.monotonic() < until, "the other does not come"
        time.sleep(0.1)

StoryRun.open = open_and_meet
"""


def test_refusal_ends_the_session_with_its_reason(shop, named):
    write_shop(shop.path / "second")

    result = shop.runpytest_subprocess(*named[:2], "-n2", "-p", OTHER)  # nothing is created

    assert result.ret == 4
    assert text(result).count("namespace shop does not exist") == 1
    assert "try: create it, or run with --npol-create" in text(result)
    assert "INTERNALERROR" not in text(result)
    assert "Traceback" not in text(result)
