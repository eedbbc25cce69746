"""The results of story items, put into the reports that pytest makes of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from npol.pytest_plugin.boundary import hook
from npol.pytest_plugin.items import FlowItem
from npol.pytest_plugin.runs import runs_of
from npol.report.json import result_data


class ItemReports:
    """A plugin of its own, registered with the first story file: most sessions have none."""

    NAME = "npol-reports"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Results travel with the reports, so that xdist's controller has them, too."""
        report: Any = yield
        if isinstance(item, FlowItem):
            _complete(report, item)
        return report


@hook
def _complete(report: Any, item: FlowItem) -> None:
    if report.failed and item.file.run:
        runs_of(item.config).collect(item.file.run)
    if item.result is not None:
        report.npol = {"story": item.file.story.name, "result": result_data(item.result)}
