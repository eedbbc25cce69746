"""A suggested story as plain data, its flows as truth tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from npol.model.story import Protocol
from npol.policy.suggest.suggest import SuggestedFlow, Suggestion


def story_data(
    suggestion: Suggestion,
    *,
    name: str,
    given: Sequence[Any],
    policies: Sequence[Any],
    namespace: str = "",
) -> dict[str, Any]:
    """
    The story, ready to be dumped: before, with the policies, rolled back.

    Without `policies` they are those of a cluster: one step asks what they do now. `namespace`
    is for manifests that name none.
    """
    return {
        "version": 1,
        "name": name,
        **({"defaults": {"namespace": namespace}} if namespace else {}),
        **({"given": list(given)} if given else {}),
        **({"peers": suggestion.peers} if suggestion.peers else {}),
        "steps": _steps(suggestion, list(policies)),
    }


def _steps(suggestion: Suggestion, policies: list[Any]) -> list[dict[str, Any]]:
    flows = suggestion.flows
    if not policies:
        return [{"name": "as applied", "matrix": _table(flows, before=False)}]
    if not flows:
        return [{"name": "policies", "apply": policies}, {"name": "rollback", "delete": policies}]
    return [
        {"name": "before policies", "matrix": _table(flows, before=True)},
        {"name": "policies", "apply": policies, "matrix": _table(flows, before=False)},
        {"name": "rollback", "delete": policies, "same_as": "before policies"},
    ]


def _table(flows: Sequence[SuggestedFlow], *, before: bool) -> str:
    """Rows are sources, columns what they are asked for; what is not asked is `-`."""
    cells = {(f.source, _header(f)): f.before if before else f.expect for f in flows}
    sources = list(dict.fromkeys(f.source for f in flows))
    targets = list(dict.fromkeys(map(_header, flows)))
    rows = [["from \\ to", *targets]]
    rows += [[s, *(cells.get((s, t), "-") for t in targets)] for s in sources]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"| {line} |\n" for line in lines)


def _header(flow: SuggestedFlow) -> str:
    protocol = "" if flow.protocol is Protocol.TCP else f"/{flow.protocol.value}"
    return f"{flow.target}:{flow.port}{protocol}"
