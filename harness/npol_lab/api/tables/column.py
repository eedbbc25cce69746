"""A column of a table, and how ages, selectors and lists are spelled in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from npol.api_rules.objects import Obj
from npol.selectors import spell

NONE = "<none>"
UNKNOWN = "<unknown>"
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Column:
    """`wide` columns are shown with `-o wide` only."""

    name: str
    value: Callable[[Obj], Any]
    wide: bool = False
    type: str = "string"

    def definition(self) -> Obj:
        return {
            "name": self.name,
            "type": self.type,
            "format": "name" if self.name == "Name" else "",
            "description": "",
            "priority": 1 if self.wide else 0,
        }


def name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])


def seconds_since(timestamp: str) -> float:
    moment = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    return (datetime.now(UTC) - moment).total_seconds()


def human(seconds: float) -> str:
    """As apimachinery `pkg/util/duration.HumanDuration` spells it: 90s, 3m4s, 5h, 2d3h."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 120:
        return f"{max(whole, 0)}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // _DAY
    if minutes < 10:
        return f"{minutes}m" + _tail(whole % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + _tail(minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + _tail(hours % 24, "h")
    return f"{days}d" if days < 730 else f"{days // 365}y" + _tail(days % 365, "d")


def _tail(number: int, unit: str) -> str:
    return f"{number}{unit}" if number else ""


def since(timestamp: str | None) -> str:
    return human(seconds_since(timestamp)) if timestamp else UNKNOWN


def age(obj: Obj) -> str:
    return since(obj["metadata"].get("creationTimestamp"))


def created(obj: Obj) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


def selector(value: Obj | None) -> str:
    """A label selector, or a Service's plain map, in one line."""
    if not value:
        return NONE
    if "matchLabels" in value or "matchExpressions" in value:
        ordered = dict(sorted((value.get("matchLabels") or {}).items()))
        return spell({**value, "matchLabels": ordered})
    return ",".join(f"{k}={v}" for k, v in sorted(value.items()))


def joined(values: Iterable[Any], *, empty: str = NONE) -> str:
    return ",".join(str(v) for v in values) or empty


def at(*path: str, default: Any = "") -> Callable[[Obj], Any]:
    """Reads a field."""

    def read(obj: Obj) -> Any:
        value: Any = obj
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return default if value is None else value

    return read


NAME = Column("Name", name)
AGE = Column("Age", age)
CREATED_AT = Column("Created At", created, type="date")
