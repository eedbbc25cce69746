"""A command whose arguments are converted only where they are not what they should be already."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_args

from typer.core import TyperCommand

TEXTS = (str, str | None, list[str], list[str] | None)


class LightCommand(TyperCommand):
    """
    Typer loads pydantic for whatever it converts, which takes longer than to check a chart.

    Texts need no conversion, and what nobody typed has its type from here. While a command is
    completed, what was typed is not looked into at all.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        parameters: list[Any] = super().get_params(ctx)
        texts = frozenset() if ctx.resilient_parsing else _texts(self.callback)
        for parameter in parameters:
            parameter.process_value = (
                _as_typed
                if ctx.resilient_parsing
                else functools.partial(_processed, parameter, parameter.name in texts)
            )
        return parameters


def _texts(command: Callable[..., object] | None) -> frozenset[str]:
    """The parameters of a command that are texts, or lists of them."""
    if command is None:
        return frozenset()
    parameters = inspect.signature(command).parameters.values()
    return frozenset(p.name for p in parameters if (*get_args(p.annotation), None)[0] in TEXTS)


def _as_typed(context: Any, value: Any) -> Any:
    return value


def _processed(parameter: Any, is_text: bool, context: Any, value: Any) -> Any:
    """What typer makes of a value; its own parameters, such as --help, do nothing without one."""
    several = parameter.multiple or parameter.nargs == -1
    if value is None and not parameter.required:
        return () if several else None
    if is_text and value and isinstance(value, list | tuple if several else str):
        return value
    if value is not None and value is parameter.default:
        return value
    return type(parameter).process_value(parameter, context, value)
