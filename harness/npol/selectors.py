"""
Label selectors, as the API server reads them.

A selector is kept as the plain mapping that a manifest holds: `matchLabels` and
`matchExpressions`, all of which must hold. An empty selector selects everything.
Source: apimachinery `pkg/labels/selector.go` and `LabelSelectorAsSelector`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Labels = Mapping[str, str]
Selector = Mapping[str, Any]


def matches(selector: Selector, labels: Labels) -> bool:
    """
    Whether a `metav1.LabelSelector` selects an object with these labels.

    Raises:
        ValueError: an operator that the API does not know.
    """
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(e, labels) for e in selector.get("matchExpressions") or [])


def _holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    key, operator = expression["key"], expression["operator"]
    values = expression.get("values") or []
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":  # an object without the label is selected, too
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    raise ValueError(f"operator must be In, NotIn, Exists or DoesNotExist, got {operator!r}")


def keys_of(selector: Selector) -> list[str]:
    """The labels that a selector asks about, each as often as it does."""
    expressions = selector.get("matchExpressions") or []
    return [*(selector.get("matchLabels") or {}), *(e["key"] for e in expressions)]


def labels_that_fit(selector: Selector) -> Labels:
    """The fewest labels of something that a selector selects; of a contradiction no use."""
    wanted = dict(selector.get("matchLabels") or {})
    for expression in selector.get("matchExpressions") or []:
        if expression["operator"] in ("In", "Exists"):
            wanted.setdefault(expression["key"], (expression.get("values") or [""])[0])
    return wanted


def parse(text: str) -> Selector:
    """
    The selector behind kubectl's `-l` and the API's `labelSelector=`.

    `a=b`, `a==b`, `a!=b`, `a`, `!a`, `a in (b,c)`, `a notin (b,c)`, joined by commas.

    Raises:
        ValueError: the text is none of these.
    """
    return {"matchExpressions": [_requirement(part) for part in _split(text)]}


def _split(text: str) -> list[str]:
    """Parts between the commas that stand outside brackets."""
    parts, depth, current = [], 0, ""
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += char
    parts.append(current)
    return [p.strip() for p in parts if p.strip()]


def _requirement(part: str) -> dict[str, Any]:
    words = part.replace("(", " ( ").split()
    if len(words) > 2 and words[1] in ("in", "notin") and words[2] == "(" and part.endswith(")"):
        values = part[part.index("(") + 1 : -1].split(",")
        operator = "In" if words[1] == "in" else "NotIn"
        return {"key": words[0], "operator": operator, "values": [v.strip() for v in values]}
    for sign, operator in (("!=", "NotIn"), ("==", "In"), ("=", "In")):
        if sign in part:
            key, value = part.split(sign, 1)
            return {"key": key.strip(), "operator": operator, "values": [value.strip()]}
    key = part.removeprefix("!").strip()
    if len(key.split()) != 1:
        raise ValueError(f"not a label selector: {part!r}")
    return {"key": key, "operator": "DoesNotExist" if part.startswith("!") else "Exists"}


def spell(selector: Selector) -> str:
    """A selector in one line, as kubectl spells it; `(all)` for the empty one."""
    parts = [f"{k}={v}" for k, v in (selector.get("matchLabels") or {}).items()]
    for e in selector.get("matchExpressions") or []:
        key, values = e["key"], ",".join(e.get("values") or [])
        parts.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[e["operator"]]
        )
    return ",".join(parts) or "(all)"


def spell_labels(labels: Labels) -> str:
    """`app=web,tier=front`."""
    return ",".join(f"{k}={v}" for k, v in labels.items()) or "no labels"
