"""A fake API server, and connections to it whose waiting takes no time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from npol.kube.connection import Mode, connect
from npol.kube.retry import Clock, RetryBudget
from tests.kube.fake_api import FakeApi


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 0.0
    slept: float = 0.0

    def sleep(self, seconds):
        self.now += seconds
        self.slept += seconds

    def clock(self):
        return Clock(now=lambda: self.now, sleep=self.sleep)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def api(tmp_path):
    with FakeApi(tmp_path) as server:
        yield server


@pytest.fixture
def to(api, time):
    """Connect to the fake server in a mode."""

    def connected(mode=Mode.APPLY, **settings):
        if "kubeconfig" not in settings:
            settings["kubeconfig"] = api.kubeconfig()
        settings.setdefault("clock", time.clock())
        settings.setdefault("patience", RetryBudget())
        return connect(context="test", mode=mode, **settings)

    return connected
