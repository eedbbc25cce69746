"""
The pytest door: `*.npol.yaml` files become items, file :: step :: flow.

A file's story is opened when its first item is set up and closed, with the verified
restore, when its last is torn down. The flows of a step are asked together, once, when the
first of its items is reached; each item then reads its own result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from npol import target_cluster
from npol.errors import NpolError
from npol.pytest_plugin.boundary import hook
from npol.pytest_plugin.fixtures import netpol, npol_cluster
from npol.pytest_plugin.options import add_options
from npol.pytest_plugin.runs import NAME, Runs
from npol.pytest_plugin.session_results import SessionResults

__all__ = ["netpol", "npol_cluster"]

SUFFIXES = (".npol.yaml", ".npol.yml")


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@hook
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "smoke: the functional checks; they change no policy")
    try:
        target_cluster.named(config.getoption("--kubeconfig"), config.getoption("--kube-context"))
        results = SessionResults()
        runs = Runs(config, results)
    except NpolError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(results)
    config.pluginmanager.register(runs, NAME)


@hook
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.endswith(SUFFIXES):
        return None
    from npol.pytest_plugin.items import StoryFile  # values and YAML: only where a story is
    from npol.pytest_plugin.reports import ItemReports

    plugins = parent.config.pluginmanager
    if not plugins.has_plugin(ItemReports.NAME):
        plugins.register(ItemReports(), ItemReports.NAME)
    return StoryFile.from_parent(parent, path=file_path)


@pytest.hookimpl(optionalhook=True)
@hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's items on one worker: its steps build on each other (xdist splits them)."""
    dist = config.getoption("dist", "no")
    if dist == "each":
        raise pytest.UsageError("--dist each would run every story on one cluster several times")
    if dist in ("load", "worksteal", "loadgroup"):
        from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

        return LoadFileScheduling(config, log)
    return None
