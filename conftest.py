"""Root of the test session: `pytester` for the tests of the plugin, and the order of the files."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from npol_lab.availability import why_no_lab
from npol_lab.session import Lab

pytest_plugins = ["pytester"]

# How long an example takes says something about what else this machine does, not about npol. The
# suite takes the same examples each time, so that a change is judged by what it changes; new ones
# are looked for at night ($NPOL_EXAMPLES).
settings.register_profile(
    "npol",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="NPOL_EXAMPLES" not in os.environ,
)
settings.load_profile("npol")

# Where Debian keeps nft, which tests start by its name; no ordinary user has it in the path.
os.environ["PATH"] += f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"

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
    """
    Where a lab cannot be, what needs one is skipped; $NPOL_LAB=required refuses the session.

    Raises:
        UsageError: it is required, and cannot be.
    """
    items.sort(key=_place)
    in_a_lab = [item for item in items if _needs_lab(item)]
    why = why_no_lab() if in_a_lab else None
    if why is None:
        return
    if os.environ.get("NPOL_LAB") == "required":
        raise pytest.UsageError(f"NPOL_LAB=required, and there can be no lab: {why}")
    for item in in_a_lab:
        item.add_marker(pytest.mark.skip(reason=f"no lab can be here: {why.message}"))


def _needs_lab(item: pytest.Item) -> bool:
    """Tests say so themselves; stories run in one unless a cluster is named."""
    story = item.nodeid.startswith("fixtures/") and not item.config.getoption("kube_context", None)
    return bool(item.get_closest_marker("lab") or story)


@pytest.fixture(scope="module", autouse=True)
def records_are_off(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where a module is marked `without_records`, for every run in it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("without_records"):
            patch.setenv("NPOL_FLOW_RECORDS", "off")
        yield


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab as `npol lab up` makes one, for all tests of a file."""
    with Lab.start() as lab:
        yield lab


def _place(item: pytest.Item) -> int:
    for place, folder in enumerate(LONGEST_FIRST):
        if item.nodeid.startswith(f"{folder}/"):
            return place
    return len(LONGEST_FIRST)
