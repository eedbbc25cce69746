"""
Between npol and pytest: what comes out says by itself all that is to be said.

pytest shows the frames that an exception came through, with `-l` all values in them, and npol's
hold manifests, Secrets and tokens. No frame of npol's leaves through here, and a defect leaves as
its masked text.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pytest

from npol.errors import ExitCode, NpolError, is_defect
from npol.pytest_plugin.spelling import for_pytest
from npol.report.escape import paragraph

P = ParamSpec("P")
R = TypeVar("R")


class Defect(pytest.fail.Exception):  # type: ignore[misc, name-defined]  # pytest's own is untyped
    """npol itself broke in the course of a test; the session ends with exit code 70 (`Runs`)."""


_PYTESTS = (pytest.UsageError, pytest.Collector.CollectError, pytest.exit.Exception)
"""Exceptions by which pytest is told something; its other ones are no `Exception`."""


def without_frames(function: Callable[P, R]) -> Callable[P, R]:
    """What is called in the course of a test; a defect fails it."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except pytest.skip.Exception:
            raise
        except BaseException as error:
            shown = _defect(error) if _is_defect(error) else _spelled(error).with_traceback(None)
        raise shown from None

    return call


def hook(function: Callable[P, R]) -> Callable[P, R]:
    """A hook of the session; what goes wrong in it ends the session, with npol's exit code."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except NpolError as error:
            text, code = f"npol: {paragraph(str(error))}", error.exit_code
        except Exception as error:
            if not _is_defect(error):
                raise
            text, code = _text(error), ExitCode.CRASHED
        pytest.exit(text, returncode=int(code))

    return call


def _spelled(error: BaseException) -> BaseException:
    """The same error; what it says to try is in pytest's options."""
    if isinstance(error, NpolError):
        error.message, error.hint = for_pytest(error.message), for_pytest(error.hint)
    return error


def _is_defect(error: BaseException) -> bool:
    return is_defect(error) and not isinstance(error, _PYTESTS)


def _defect(error: BaseException) -> Defect:
    return Defect(_text(error), pytrace=False)


def _text(error: BaseException) -> str:
    from npol.crash import crash_text  # its modules are loaded where something breaks

    return crash_text(error)
