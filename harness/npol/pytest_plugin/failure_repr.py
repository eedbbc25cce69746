"""
A failed item as pytest shows it: the whole explanation once for each cause.

pytest takes the short summary and `--tb=line` from what it calls the crash: the story's line, and
what was seen, with the line to blame.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from npol.errors import Position
from npol.pytest_plugin.runs import runs_of
from npol.report.escape import safe
from npol.report.failure import AskAgain, failure_text, heading
from npol.report.failure_groups import FailureGroup, cause_key, guilty

if TYPE_CHECKING:
    from npol.pytest_plugin.items import FlowItem, Result


def failure_repr(item: FlowItem, result: Result) -> Any:
    """What `repr_failure` gives back: pytest's own kind, which xdist can carry."""
    shown = _as_text(_explanation(item, result))
    if crash := shown.reprcrash:
        crash.path, crash.lineno = safe(result.at.file), result.at.line
        crash.message = summary_of(result)
    return shown


def _explanation(item: FlowItem, result: Result) -> str:
    """In full for the first item of a cause; the others say which item that is."""
    group = FailureGroup(results=(result,))
    first = item.file.explained.setdefault(cause_key(result), item.nodeid)
    if first != item.nodeid:
        at, own = place_of(result), result.at
        return (
            f"{heading(group)}\n  {safe(own.file)}:{own.line}   {said(result)}\n"
            f"  the cause is that of {first}: {safe(at.file)}:{at.line}"
        )
    runs = runs_of(item.config)
    rerun = f"pytest {runs.named}{shlex.quote(item.nodeid)}"
    return failure_text(group, AskAgain(cluster=runs.cluster_options, rerun=rerun))


def _as_text(text: str) -> Any:
    """pytest's representation of an error without any frames."""
    try:
        raise AssertionError(text)
    except AssertionError as error:
        return pytest.ExceptionInfo.from_exception(error).getrepr(style="value", chain=False)


def place_of(result: Result) -> Position:
    """The line to blame, else the line of the claim."""
    blamed = guilty(result)
    return blamed.at if blamed and blamed.at else result.at


def said(result: Result) -> str:
    """`expected deny, seen open`."""
    return f"expected {safe(str(result.expected))}, seen {safe(result.seen) or 'nothing'}"


def summary_of(result: Result) -> str:
    """`too open, seen open: deny.yaml:7`, what matters most first: pytest cuts the end off."""
    at = place_of(result)
    seen = safe(result.seen) or "nothing"
    return f"{result.verdict.value}, seen {seen}: {safe(at.file)}:{at.line}"
