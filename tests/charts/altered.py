"""Charts whose policies allow a little less, or a little more."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from npol.yaml_positions import YamlDialect, dump, load
from tests.charts.corpus import path_of

DIRECTIONS = {"Ingress": "ingress", "Egress": "egress"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """A chart with one rule of one policy taken out or put in."""

    what: str
    text: str
    lines: range
    """Where the policy stands in the chart as it was."""


def altered(chart: str) -> Iterator[Altered]:
    text = path_of(chart).read_text()
    documents = load(text, "chart.yaml", YamlDialect.MANIFEST)
    starts = [*(d.at().line for d in documents), text.count("\n") + 2]
    for number, document in enumerate(documents):
        if (document.data["kind"], document.data["apiVersion"]) == (
            "NetworkPolicy",
            "networking.k8s.io/v1",
        ):
            lines = range(starts[number] - 1, starts[number + 1])
            for what, spec in _specs(document.data["spec"]):
                every = [d.data for d in documents]
                every[number] = {**document.data, "spec": spec}
                name = f"{document.data['metadata']['name']}: {what}"
                yield Altered(what=name, text="---\n".join(map(dump, every)), lines=lines)


def _specs(spec: Any) -> Iterator[tuple[str, Any]]:
    declared = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for direction in declared:
        field = DIRECTIONS[direction]
        rules = spec.get(field) or []
        fixed = {**copy.deepcopy(spec), "policyTypes": declared}
        yield f"one {field} rule more", {**fixed, field: [*rules, {}]}
        for n in range(len(rules)):
            fewer = [rule for i, rule in enumerate(rules) if i != n]
            yield f"{field} rule {n + 1} of {len(rules)} less", {**fixed, field: fewer}
