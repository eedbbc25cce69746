"""What `npol check` says of how stories exercise their policies: `--coverage`, `--mutate`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from npol.cli.streams import say
from npol.errors import ExitCode
from npol.model.story import Story
from npol.mutation.score import MutantResult, Mutation, mutate
from npol.policy.objects.dialects import Dialect
from npol.policy.simulate.coverage import Coverage, CoverageItem, CoveredPart, coverage
from npol.policy.simulate.forecast import forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.report.causes import prediction_words
from npol.report.escape import safe

_PLAIN = re.compile(r"(?!(?i:true|false|null|yes|no|on|off)$)[A-Za-z][\w./-]*( [a-z]+)*")
"""Text that YAML takes for text without quotes."""


def print_coverage(stories: Sequence[Story], dialect: Dialect) -> None:
    found = coverage((scene for story in stories for scene in scenes(story)), dialect)
    for item in found.uncovered:
        say(safe(f"{item.origin}: no flow exercises this {_item(item)}"))
    say(f"coverage: {coverage_words(found)}")


def coverage_words(found: Coverage) -> str:
    """`5 of 6 items, 83%`; 100% is said of all items only."""
    if not (total := len(found.items)):
        return "nothing to cover: no step of a story has a policy in force"
    covered = total - len(found.uncovered)
    return f"{covered} of {total} items, {100 * covered // total}%"


def _item(item: CoverageItem) -> str:
    """`isolation Ingress: stops ingress that no rule allows`, `port: TCP 80`."""
    part, direction = item.part.value, item.direction
    match item.part:
        case CoveredPart.ISOLATION:
            return f"{part} {direction.value}: stops {direction.field} that no rule allows"
        case CoveredPart.RULE:
            return f"{part}: {direction.field} rule"
        case CoveredPart.PEER:
            return f"{part}: peer"
        case CoveredPart.PORT:
            return f"{part}: {item.port}"


def print_mutation(stories: Sequence[Story], dialect: Dialect) -> int:
    """What no prediction is made of may notice mutants, or not: that is counted apart."""
    survivors = unknown = 0
    if not stories:
        say("mutation: nothing to mutate: there is no story")
    for story in stories:
        for step in forecast(scenes(story), dialect.name):
            unknown += len(step.not_foretold)
            for flow in step.not_foretold:
                name = f"{step.step} :: {flow.flow.name}"
                say(safe(f"cannot be foretold: {name}: {prediction_words(flow.prediction)}"))
        found = mutate(story, dialect)
        survivors += len(found.survivors)
        for result in (*found.survivors, *found.unkillable, *found.equivalent):
            for line in _told(result):
                say(safe(line))
        say(safe(f"mutation of {story.name}: {_counts(found)}"))
    if survivors:
        return int(ExitCode.DIFFERS)
    return int(ExitCode.UNKNOWN if unknown else ExitCode.AS_EXPECTED)


def _counts(found: Mutation) -> str:
    if not found.results:
        return "nothing to mutate: no step has a policy in force"
    return (
        f"{len(found.noticed)} of {len(found.results)} noticed, "
        f"{len(found.survivors)} survived, {len(found.unkillable)} not provable, "
        f"{len(found.equivalent)} make no difference"
    )


def _told(result: MutantResult) -> Iterator[str]:
    if result.add:
        yield f"survived: {result.mutant}"
        yield f"  add to step {result.add.step!r}: - {_flow_style(result.add.flow)}"
        if result.add.open_in:
            first = {**result.add.flow, "expect": "refused"}
            yield f"  and to step {result.add.open_in!r}: - {_flow_style(first)}"
        for name, entry in result.add.peers.items():
            yield f"  with the peer {name}: {_flow_style(entry)}"
    elif result.unkillable:
        yield f"not provable: {result.mutant}: {result.unkillable}"
    elif result.equivalent:
        yield f"equivalent mutant: {result.mutant}: no flow between what is here differs"


def _flow_style(value: Any) -> str:
    """As people write it on one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_flow_style(v)}" for k, v in value.items()) + "}"
    text = str(value)
    return text if _PLAIN.fullmatch(text) or isinstance(value, int) else json.dumps(text)
