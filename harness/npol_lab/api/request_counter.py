"""How often what was asked, for tests and benchmarks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from npol_lab.api.requests import RequestInfo


class RequestCounter:
    """Counts by verb and resource, `get pods/exec` for an exec."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, info: RequestInfo) -> None:
        what = info.resource or info.path
        tail = f"/{info.subresource}" if info.subresource else ""
        self._counts[f"{info.verb} {what}{tail}"] += 1

    def reset(self) -> None:
        self._counts.clear()

    def shown(self) -> dict[str, Any]:
        return {"total": self._counts.total(), "requests": dict(sorted(self._counts.items()))}
