"""An object that would be refused, so that nothing in the cluster changes by it."""

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
    by_agent: bool = False
    """Whether the API server takes it, and Cilium's agent does not: its status says so."""

    def __str__(self) -> str:
        first, *rest = self.reasons
        more = f" (and {len(rest)} more)" if rest else ""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        who = "Cilium's agent" if self.by_agent else "the API server"
        return f"{self.kind} {name} has no effect, {who} refuses it: {first}{more}"
