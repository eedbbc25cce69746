"""
`npol plan`: what would change?

What only stories, or traffic that was seen, need is imported where it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from npol.cli import inputs
from npol.cli.arguments.plan import PlanArguments
from npol.cli.rendered import rendered, to_be_rendered
from npol.cli.scope_lines import scope_lines
from npol.cli.streams import say_wrapped
from npol.errors import ExitCode, InputError
from npol.model.refused_object import RefusedObject
from npol.policy.objects.dialects import CALICO, Dialect
from npol.policy.state.cluster_state import ClusterState
from npol.report.causes import cause_words, prediction_words
from npol.report.escape import safe
from npol.story.kustomization import KUSTOMIZATIONS
from npol.story.repository import CHART
from npol.story_suffixes import STORY_SUFFIXES

if TYPE_CHECKING:
    from npol.policy.observed.cuts import ObservedPlan
    from npol.policy.simulate.forecast import FlowForecast, StepForecast


def plan(arguments: PlanArguments) -> int:
    if arguments.observed:
        return _print_observed(arguments, arguments.observed)
    named = inputs.spoken(arguments.engine)
    if arguments.against:
        old, new = _world_of(arguments.against, arguments), _manifests(arguments)
        dialect = named or inputs.plugin_of(new.world) or CALICO
        return _print_difference(old.world, new, dialect)
    what = arguments.what or arguments.chart or arguments.kustomization or ""
    if not what.endswith((".yaml", ".yml")):
        raise InputError(f"not a story file: {what}", hint="a *.npol.yaml, or --against DIR")
    return _print_story(what, arguments, named)


def _print_story(what: str, arguments: PlanArguments, named: Dialect | None) -> ExitCode:
    from npol.cli.story_steps import chosen_steps
    from npol.policy.simulate.forecast import forecast
    from npol.policy.simulate.simulated_steps import fullest, scenes
    from npol.story import load_story

    story = load_story(what, root=arguments.root, overlay=arguments.peers)
    for note in story.notes:
        say_wrapped(f"note: {note}")
    told = scenes(story)
    world = fullest(chosen_steps(story, arguments.at)).world
    dialect = named or inputs.plugin_of(world) or CALICO
    engine = arguments.engine or dialect.name
    steps = [s for s in forecast(told, engine) if arguments.at in (None, s.step)]
    for step in steps:
        _print_step(step)
    for line in scope_lines(world, dialect):
        say_wrapped(safe(line))
    return _concluded(steps, engine)


def _manifests(arguments: PlanArguments) -> inputs.Inputs:
    source = to_be_rendered(arguments)
    if bool(source) is bool(arguments.what):
        raise InputError("name manifests, or what renders to them", hint="one of the two")
    if source:
        return inputs.of_survey(rendered(source, arguments.root, ""))
    return _world_of(arguments.what or "", arguments)


def _world_of(path: str, arguments: PlanArguments) -> inputs.Inputs:
    """Manifests as they lie there; charts (with the same values) and kustomizations rendered."""
    source: dict[str, Any] | None = None
    if os.path.isfile(os.path.join(path, CHART)):
        source = {"helm": path, **({"values": arguments.values} if arguments.values else {})}
    elif any(os.path.isfile(os.path.join(path, name)) for name in KUSTOMIZATIONS):
        source = {"kustomize": path}
    if source:
        return inputs.of_survey(rendered(source, arguments.root, ""))
    return inputs.of_paths([path], arguments.root)


def _print_observed(arguments: PlanArguments, flows: Sequence[str]) -> ExitCode:
    """What the policies would do to traffic that was seen. What was not read is not foretold."""
    if arguments.against:
        raise InputError("--against compares manifests, --observed traffic: name one of them")
    from npol.cli.observed import dialect_of, observed, plan_lines, summary
    from npol.policy.observed.cuts import against_observed

    title, seen = _policies(arguments)
    state = seen.world
    traffic = observed(flows)
    dialect = dialect_of(traffic, inputs.spoken(arguments.engine))
    found = against_observed(state, traffic.flows, dialect)
    head = f"{title}: {found.policies} policies, read as {dialect.name} reads them"
    for line in (*summary(traffic), head, *plan_lines(found)):
        say_wrapped(safe(line))
    refused = _print_refused(state.refused)
    code = _concluded_of_observed(found, unsure=bool(traffic.unread_lines or refused))
    _print_scope(seen, dialect)
    return code


def _print_scope(seen: inputs.Inputs, dialect: Dialect) -> None:
    for line in scope_lines(seen.world, dialect, left_out=seen.left_out):
        say_wrapped(safe(line))


def _concluded_of_observed(found: ObservedPlan, *, unsure: bool) -> ExitCode:
    cut, unknown = len(found.cut), len(found.unknown)
    say_wrapped(
        f"{cut} of {len(found.flows)} observed flow(s) would be cut, {len(found.opened)} opened, "
        f"{unknown} cannot be predicted; {len(found.unused)} allow rule(s) saw none"
    )
    if cut:
        return ExitCode.DIFFERS
    return ExitCode.UNKNOWN if unsure or unknown or not found.flows else ExitCode.AS_EXPECTED


def _policies(arguments: PlanArguments) -> tuple[str, inputs.Inputs]:
    """The policies that are asked, and where they come from."""
    what = arguments.what or ""
    if not what.endswith(STORY_SUFFIXES):
        if arguments.at:
            raise InputError("--at names a step of a story", hint="STORY.npol.yaml")
        return what or arguments.chart or str(arguments.kustomization), _manifests(arguments)
    from npol.cli.story_steps import chosen_steps
    from npol.policy.simulate.simulated_steps import fullest
    from npol.story import load_story

    story = load_story(what, root=arguments.root, overlay=arguments.peers)
    chosen = fullest(chosen_steps(story, arguments.at))
    return f"after step {chosen.step!r}", inputs.Inputs(world=chosen.world)


def _concluded(steps: Sequence[StepForecast], engine: str) -> ExitCode:
    """What cannot be foretold does not hold by prediction: it is counted apart."""
    failing = sum(len(step.failing) for step in steps)
    open_ = sum(len(step.not_foretold) for step in steps)
    refused = _print_refused(r for step in steps for r in step.refused)
    apart = f", {open_} cannot be foretold" if open_ else ""
    say_wrapped(f"{failing} flow(s) will fail{apart}, by prediction for {engine}")
    if failing:
        return ExitCode.DIFFERS
    return ExitCode.UNKNOWN if open_ or refused else ExitCode.AS_EXPECTED


def _print_refused(refused: Iterable[RefusedObject]) -> bool:
    """Policies of no effect, each once; whether there are any."""
    lines = dict.fromkeys(map(str, refused))
    for line in lines:
        say_wrapped(safe(line))
    return bool(lines)


def _print_difference(old: ClusterState, seen: inputs.Inputs, dialect: Dialect) -> ExitCode:
    from npol.policy.matrix.diff import difference

    found = difference(old, seen.world, dialect)
    for one in found:
        say_wrapped(safe(str(one)))
    say_wrapped(f"{len(found)} difference(s)" if found else "no flow opens or closes")
    refused = _print_refused((*old.refused, *seen.world.refused))
    _print_scope(seen, dialect)
    return ExitCode.UNKNOWN if refused else ExitCode.AS_EXPECTED


def _print_step(step: StepForecast) -> None:
    say_wrapped(safe(f"step {step.step!r}: {len(step.flows)} flow(s)"))
    for flow, others in _by_line(step.failing):
        say_wrapped(safe(f"  FAILS {_foretold(flow, others)}"))
        for cause in flow.prediction.causes:
            say_wrapped(safe(f"        {cause_words(cause)}"))
    for flow, others in _by_line(step.not_foretold):
        say_wrapped(safe(f"  UNKNOWN {_foretold(flow, others)}"))
    for one in step.unasked:
        say_wrapped(safe(f"  not covered by a flow, {one}"))


def _by_line(flows: Iterable[FlowForecast]) -> Iterator[tuple[FlowForecast, int]]:
    """The first pair of each flow as it is written, and how many more there are."""
    written: dict[str, list[FlowForecast]] = {}
    for found in flows:
        written.setdefault(found.flow.told_as, []).append(found)
    yield from ((found[0], len(found) - 1) for found in written.values())


def _foretold(found: FlowForecast, others: int) -> str:
    """`others`: pairs of the same flow that are not told of."""
    flow, predicted = found.flow, prediction_words(found.prediction)
    more = f" and {others} more pairs" if others else ""
    return f"{flow.at}: {flow.name}{more}: expected {flow.expect}, predicted {predicted}"
