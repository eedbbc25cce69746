"""An object that the API server would refuse, so that nothing in the cluster changes by it."""

from __future__ import annotations

from dataclasses import dataclass

from npol.errors import Mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedObject:
    """`reasons`: all that is wrong with it, at least one. `namespace` "": it is the cluster's."""

    kind: str
    namespace: str
    name: str
    reasons: tuple[Mistake, ...]

    def __str__(self) -> str:
        first, *rest = self.reasons
        more = f" (and {len(rest)} more)" if rest else ""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {name} has no effect, the API server refuses it: {first}{more}"
