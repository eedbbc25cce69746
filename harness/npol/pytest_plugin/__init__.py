"""
The pytest door: `*.npol.yaml` files become items, file :: step :: flow.

A file's story is opened when its first item is set up and closed, with the verified
restore, when its last is torn down. The flows of a step are asked together, once, when the
first of its items is reached; each item then reads its own result.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from npol.errors import NO_WINDOWS, InputError, NpolError
from npol.pytest_plugin.boundary import hook
from npol.pytest_plugin.fixtures import netpol, npol_cluster
from npol.pytest_plugin.options import add_options, check_options
from npol.pytest_plugin.rootdir import correct
from npol.pytest_plugin.runs import NAME, Runs
from npol.pytest_plugin.session_results import SessionResults
from npol.pytest_plugin.shared_options import add_common_names, read_paths
from npol.pytest_plugin.spelling import for_pytest
from npol.story_suffixes import STORY_SUFFIXES

__all__ = ["netpol", "npol_cluster"]

RESULTS = "npol-results"


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    correct(early_config, args)
    read_paths(early_config, parser, args)
    result = yield
    add_common_names(early_config, parser, args)
    return result


@hook
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "smoke: the functional checks; they change no policy")
    try:
        check_options(config)
        results = SessionResults()
        runs = Runs(config, results)
        _shard(config)
        _watch(config)
    except NpolError as error:
        raise pytest.UsageError(for_pytest(str(error))) from error
    config.pluginmanager.register(results, RESULTS)
    config.pluginmanager.register(runs, NAME)


def _shard(config: pytest.Config) -> None:
    if not (wanted := config.getoption("--npol-shard")):
        return
    from npol.pytest_plugin.shards import ShardSelection  # values: only where a story is
    from npol.run.shards import Shard

    config.pluginmanager.register(ShardSelection(Shard.parse(wanted)), ShardSelection.NAME)


def _watch(config: pytest.Config) -> None:
    wanted, events = config.getoption("--npol-for"), config.getoption("--npol-events")
    if events and not wanted:
        raise InputError("--events tells what --for sees", hint="add --for DURATION")
    if not wanted:
        return
    from npol.pytest_plugin.watching import WatchOptions  # values: only where a story is

    config.pluginmanager.register(WatchOptions(wanted, events), WatchOptions.NAME)


@hook
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.endswith(STORY_SUFFIXES):
        return None
    if os.name == "nt":
        raise pytest.UsageError(NO_WINDOWS)
    from npol.pytest_plugin.items import StoryFile  # values and YAML: only where a story is
    from npol.pytest_plugin.reports import ItemReports

    plugins = parent.config.pluginmanager
    if not plugins.has_plugin(ItemReports.NAME):
        results: Any = plugins.get_plugin(RESULTS)
        plugins.register(ItemReports(results), ItemReports.NAME)
    return StoryFile.from_parent(parent, path=file_path)


@pytest.hookimpl(optionalhook=True)
@hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a story's items on one worker: its steps build on each other (xdist splits them)."""
    dist = config.getoption("dist", "no")
    if dist == "each":
        raise pytest.UsageError("--dist each would run every story on one cluster several times")
    if dist in ("load", "worksteal", "loadgroup", "loadscope", "loadfile"):
        from npol.pytest_plugin.file_scheduling import FileScheduling

        return FileScheduling(config, log)
    return None
