"""
A failed item as pytest shows it: the whole explanation once for each cause.

pytest takes the short summary and `--tb=line` from what it calls the crash: the story's line, and
what was seen, with the line to blame.
"""

from __future__ import annotations

import shlex
from collections.abc import Hashable
from typing import Any

import pytest

from npol.model.result import CheckResult, FlowResult
from npol.pytest_plugin.runs import runs_of
from npol.pytest_plugin.width import terminal_width
from npol.report.ask_again import AskAgain
from npol.report.claims import place_of, said, summary_of
from npol.report.escape import safe
from npol.report.failure import aside, failure_text, heading
from npol.report.failure_groups import FailureGroup, cause_key

Result = FlowResult | CheckResult


def failure_repr(item: pytest.Item, result: Result, explained: dict[Hashable, str]) -> Any:
    """
    What `repr_failure` gives back: pytest's own kind, which xdist can carry.

    Args:
        explained: which item has explained a cause of failures; this one is noted in it.
    """
    shown = _as_text(_explanation(item, result, explained))
    if crash := shown.reprcrash:
        crash.path, crash.lineno = safe(result.at.file), result.at.line
        crash.message = summary_of(result)
    return shown


def _explanation(item: pytest.Item, result: Result, explained: dict[Hashable, str]) -> str:
    """
    In full for the first item of a cause; the others say which item that is. With `--tb=line` no
    more than the heading: pytest shows it before the crash.
    """
    group = FailureGroup.of(result)
    if item.config.getoption("tbstyle") == "line":
        return f"{heading(group)}{aside(group)}"
    first = explained.setdefault(cause_key(result), item.nodeid)
    if first != item.nodeid:
        at, own = place_of(result), result.at
        return (
            f"{heading(group)}\n  {safe(own.file)}:{own.line}   {said(result)}\n"
            f"  the cause is that of {first}: {safe(at.file)}:{at.line}"
        )
    runs = runs_of(item.config)
    rerun = f"pytest {runs.named}{shlex.quote(item.nodeid)}"
    return failure_text(
        group, AskAgain(cluster=runs.cluster_options, rerun=rerun), terminal_width()
    )


def _as_text(text: str) -> Any:
    """pytest's representation of an error without any frames."""
    try:
        raise AssertionError(text)
    except AssertionError as error:
        return pytest.ExceptionInfo.from_exception(error).getrepr(style="value", chain=False)
