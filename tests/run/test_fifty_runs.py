"""Many runs in one process leave nothing behind, whether or not the garbage collector comes."""

import gc
import os
import threading

import psutil
import pytest

from npol.run import Options, StoryRun
from npol.story import load_story
from npol_lab.session import Lab
from tests.e2e.shop import write_shop

pytestmark = [pytest.mark.nightly, pytest.mark.lab, pytest.mark.timeout(1200)]
RUNS = 50
GROWTH = 8 << 20
"""Bytes that fifty runs may add: caches fill, and the allocator keeps what it had."""


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def descriptors():
    return len(os.listdir("/dev/fd"))


def run_once(folder, lab):
    story = load_story(str(folder / "shop.npol.yaml"), root=str(folder))
    options = Options(kubeconfig=str(lab.kubeconfig), context=lab.context, create=True)
    run = StoryRun(story, options)
    run.open()
    for step in story.steps:
        assert all(r.passed for r in run.reach(step.name).results)
    assert run.close().complete


def test_runs_leave_no_descriptor_and_no_thread(tmp_path, no_collector):
    write_shop(tmp_path)
    with Lab.start() as lab:
        run_once(tmp_path, lab)
        before, threads = descriptors(), {*threading.enumerate()}

        for _ in range(RUNS):
            run_once(tmp_path, lab)

        assert descriptors() == before
        for thread in threading.enumerate():
            if thread not in threads:
                thread.join(10)
                assert not thread.is_alive(), thread.name


def test_runs_do_not_grow_where_the_collector_comes(tmp_path):
    write_shop(tmp_path)
    with Lab.start() as lab:
        for _ in range(10):
            run_once(tmp_path, lab)
        gc.collect()
        before = psutil.Process().memory_info().rss

        for _ in range(RUNS - 10):
            run_once(tmp_path, lab)

        gc.collect()
        assert psutil.Process().memory_info().rss - before < GROWTH
