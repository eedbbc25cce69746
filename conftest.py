"""Root of the test session: `pytester` for the tests of the plugin, and the order of the files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# How long an example takes says something about what else this machine does, not about npol.
settings.register_profile("npol", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("npol")

LONGEST_FIRST = ("tests/e2e", "fixtures", "tests/changes", "tests/lab", "tests/probe")
"""
Where whole runs, labs and packets are waited for.

A worker of pytest-xdist takes a whole file, and the file that begins last is what all others
wait for. By itself xdist begins with the files of most tests, which are quick ones.
"""


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.has_plugin("xdist"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


@pytest.fixture(scope="module", autouse=True)
def records_are_off(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where a module is marked `without_records`, for every run in it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("without_records"):
            patch.setenv("NPOL_FLOW_RECORDS", "off")
        yield


def _place(item: pytest.Item) -> int:
    for place, folder in enumerate(LONGEST_FIRST):
        if item.nodeid.startswith(f"{folder}/"):
            return place
    return len(LONGEST_FIRST)
