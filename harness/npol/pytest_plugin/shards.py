"""
`--npol-shard I/N`: the same stories as `npol run --shard I/N` has of the same files.

What is no story runs with the first shard: each item runs once in all shards together.
"""

from __future__ import annotations

import pytest

from npol.pytest_plugin.items import FlowItem
from npol.run.shards import Shard


class ShardSelection:
    """A plugin of its own, registered where the option is given."""

    NAME = "npol-shard"

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._empty = False
        """Whether other shards have all that there is."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """First of all: what `-k` and `-m` leave out moves no story to another shard."""
        files = {item.file.path: item.file.story for item in items if isinstance(item, FlowItem)}
        mine = {id(story) for story in self._shard.of(list(files.values()))}

        def kept(item: pytest.Item) -> bool:
            if isinstance(item, FlowItem):
                return id(item.file.story) in mine
            return self._shard.index == 0

        left = [item for item in items if not kept(item)]
        items[:] = [item for item in items if kept(item)]
        if left:
            self._empty = not items
            config.hook.pytest_deselected(items=left)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Nothing to do is no fault of a shard, as in `npol run`."""
        if self._empty and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
