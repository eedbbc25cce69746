"""The results of story items, put into the reports that pytest makes of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from npol.model.result import CheckResult, FlowResult
from npol.pytest_plugin.boundary import hook
from npol.pytest_plugin.items import FlowItem
from npol.pytest_plugin.order import in_order
from npol.pytest_plugin.runs import runs_of
from npol.pytest_plugin.session_results import SessionResults
from npol.report.escape import safe
from npol.report.json import result_data


class ItemReports:
    """A plugin of its own, registered with the first story file: most sessions have none."""

    NAME = "npol-reports"

    def __init__(self, results: SessionResults) -> None:
        self._results = results
        self.tags: set[str] = set()
        """All tags of the stories that were collected."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """
        Results travel with the reports, so that xdist's controller has them, too.

        First of all, which is last after the `yield`: pytest-retry tries again in its own.
        """
        report: Any = yield
        if isinstance(item, FlowItem):
            _complete(report, item)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = in_order(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        wanted = session.config.getoption("markexpr")
        if not wanted or any(isinstance(item, FlowItem) for item in session.items):
            return
        tags = ", ".join(sorted(self.tags)) or "(they have none)"
        self._results.notes.append(
            safe(f"npol: no flow of the stories matches -m {wanted!r}; their tags: {tags}")
        )


@hook
def _complete(report: Any, item: FlowItem) -> None:
    if report.failed and item.file.run:
        runs_of(item.config).collect(item.file.run)
    if item.result is not None:
        story = item.file.story
        result = result_data(item.result)
        report.npol = {"story": story.name, "path": story.path, "result": result}
        report.duration = _own_seconds(item.result) if report.when == "call" else 0.0


def _own_seconds(result: FlowResult | CheckResult) -> float:
    """
    Until it was final. The flows of a step are asked together, and what it takes to open a run
    and to close it belongs to none of them.
    """
    return result.settled_after if isinstance(result, FlowResult) else 0.0
