"""Label selectors out of manifests: what is right in them, and what the API server refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from npol.policy.parse.object_source import Path, items, mapping
from npol.policy.parse.validation_errors import Refusals
from npol.selectors import Selector

_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{,61}[A-Za-z0-9])?"
LABEL_KEY = re.compile(rf"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?{_WORD}")
_LABEL_VALUE = re.compile(rf"({_WORD})?")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


_BELOW = "labels stand below matchLabels"


def read_selector(
    refusals: Refusals, selector: Any, path: Path, keys: re.Pattern[str] = LABEL_KEY
) -> Selector | None:
    """The selector without what is wrong in it; None if there is none. `keys`: the valid ones."""
    if selector is None:
        return None
    if not isinstance(selector, Mapping):
        refusals.wrong(path, "a selector must be a mapping")
        return None
    inner = {"namespaceSelector", "podSelector"} & selector.keys()
    hint = f"take {min(inner)} away: its content belongs here" if inner else _BELOW
    refusals.fields(selector, path, ("matchLabels", "matchExpressions"), hint)
    labels = _labels(refusals, selector.get("matchLabels"), (*path, "matchLabels"), keys)
    expressions = [
        e
        for i, e in enumerate(refusals.list_of(selector, "matchExpressions", path))
        if _is_expression(refusals, e, (*path, "matchExpressions", i), keys)
    ]
    found = {"matchLabels": labels, "matchExpressions": expressions}
    return {key: value for key, value in found.items() if value}


def _labels(refusals: Refusals, labels: Any, path: Path, keys: re.Pattern[str]) -> dict[str, str]:
    stated = refusals.mapping_of(labels, path)
    for key, value in stated.items():
        _check_key(refusals, key, (*path, key), keys)
        _check_value(refusals, value, (*path, key))
    return {k: v for k, v in stated.items() if isinstance(v, str)}


def _check_key(refusals: Refusals, key: Any, path: Path, keys: re.Pattern[str]) -> None:
    if not (isinstance(key, str) and keys.fullmatch(key)):
        refusals.wrong(path, f"not a valid label key: {key!r}")


def _check_value(refusals: Refusals, value: Any, path: Path) -> None:
    if not isinstance(value, str):
        hint = "put it in quotes"
        refusals.wrong(path, f"a label's value must be a string, not {value!r}", hint)
    elif not _LABEL_VALUE.fullmatch(value):
        refusals.wrong(path, f"not a valid label value: {value!r}")


def _is_expression(refusals: Refusals, expression: Any, path: Path, keys: re.Pattern[str]) -> bool:
    before = len(refusals.found)
    expression = mapping(expression)
    refusals.fields(expression, path, ("key", "operator", "values"))
    operator, values = expression.get("operator"), items(expression.get("values"))
    _check_key(refusals, expression.get("key"), (*path, "key"), keys)
    if operator not in _OPERATORS:
        refusals.wrong((*path, "operator"), f"must be one of {', '.join(_OPERATORS)}")
    elif operator in ("In", "NotIn") and not values:
        refusals.wrong(path, f"{operator} needs values")
    elif operator in ("Exists", "DoesNotExist") and values:
        refusals.wrong((*path, "values"), f"{operator} takes no values")
    for index, value in enumerate(values):
        _check_value(refusals, value, (*path, "values", index))
    return len(refusals.found) == before
